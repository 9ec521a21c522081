"""Requests of Anthropic's Messages API merged with their responses."""

from lengthwise.history.files.errors import RowError
from lengthwise.history.files.left_out import leave_out
from lengthwise.history.files.logged.api_objects import exchange, is_anthropic_message, object_in
from lengthwise.history.files.logged.logged_request import LoggedRequest, first_of
from lengthwise.history.files.row_schemas.logs.log_schema import LogSchema
from lengthwise.history.files.row_schemas.logs.openai import (
    RESPONSE_COLUMNS,
    TOP_COLUMNS,
    request_in,
)
from lengthwise.history.files.values import Row


class AnthropicSchema(LogSchema):
    """`content` and `stop_reason`, beside or below the `messages` that were sent."""

    name = "anthropic"
    title = "Anthropic requests with their responses"
    columns = (
        *TOP_COLUMNS,
        *("messages", "system", "model", "id", "content", "stop_reason", "usage", "error"),
        *("max_tokens", "temperature", "status"),
    )

    def recognises(self, row: Row) -> bool:
        return bool(_response_in(row))

    def request(self, row: Row) -> LoggedRequest:
        leave_out(row)
        response = _response_in(row)
        if not response:
            raise RowError("no response: expected content and stop_reason", kind="no answer")
        return exchange(request_in(row), response, "", request_id=first_of(row, "id", "request_id"))


def _response_in(row: Row) -> Row:
    if is_anthropic_message(row):
        return row
    for column in RESPONSE_COLUMNS:
        found = object_in(row, column)
        if is_anthropic_message(found):
            return found
    return {}
