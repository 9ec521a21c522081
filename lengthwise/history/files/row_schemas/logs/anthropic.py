"""Requests of Anthropic's Messages API merged with their responses, one by one or by batches."""

from lengthwise.history.files.errors import RowError
from lengthwise.history.files.left_out import leave_out, leave_out_status
from lengthwise.history.files.logged.api_objects import exchange, is_anthropic_message, object_in
from lengthwise.history.files.logged.logged_request import LoggedRequest, first_of, mapping
from lengthwise.history.files.row_schemas.logs.log_schema import LogSchema
from lengthwise.history.files.row_schemas.logs.openai import (
    RESPONSE_COLUMNS,
    TOP_COLUMNS,
    request_in,
)
from lengthwise.history.files.values import Row, lookup


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


class AnthropicBatchSchema(LogSchema):
    """`custom_id` with `params` (request) and `result` (answer), joined by `custom_id`."""

    name = "anthropic-batch"
    title = "Anthropic batch rows"
    columns = ("custom_id", "params", "result")

    def recognises(self, row: Row) -> bool:
        asks = bool(mapping(row.get("params")))
        return "custom_id" in row and (asks or lookup(row, "result.type") is not None)

    def join_key(self, row: Row) -> str:
        return str(row.get("custom_id") or "")

    def request(self, row: Row) -> LoggedRequest:
        leave_out_status(lookup(row, "result.type"))  # errored, canceled, expired
        parameters, message = object_in(row, "params"), object_in(row, "result.message")
        if not parameters or not message:
            raise RowError(
                "this batch file holds one half of each request: name the file with the other half "
                "(--answers)",
                kind="half a row",
            )
        return exchange(parameters, message, "params.", request_id=row.get("custom_id"))
