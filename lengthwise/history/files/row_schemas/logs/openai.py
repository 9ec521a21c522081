"""Requests of OpenAI's chat and completion API merged with their responses, by any server."""

from lengthwise.history.files.left_out import leave_out
from lengthwise.history.files.logged.api_objects import exchange, is_completion, object_in
from lengthwise.history.files.logged.logged_request import LoggedRequest, first_of
from lengthwise.history.files.row_schemas.logs.log_schema import LogSchema
from lengthwise.history.files.values import Row

REQUEST_COLUMNS = ("request.body", "request", "request_body", "body", "input", "payload")
"""Where gateways put a request's body; it may be the row itself, as a response may."""

RESPONSE_COLUMNS = ("response.body", "response", "response_body", "output", "result")
"""Where gateways put what came back."""

TOP_COLUMNS = tuple({name.split(".")[0] for name in (*REQUEST_COLUMNS, *RESPONSE_COLUMNS)})
"""Of these the columns of a table, which a columnar file must read."""


def request_in(row: Row) -> Row:
    """Give the request's body: an object of its own, or the row itself."""
    for column in REQUEST_COLUMNS:
        found = object_in(row, column)
        if any(key in found for key in ("messages", "prompt", "input", "contents", "inputs")):
            return found
    return row


class OpenaiSchema(LogSchema):
    """`choices` with `usage`, beside or below the `messages` or `prompt` that were sent."""

    name = "openai"
    title = "OpenAI requests with their responses"
    columns = (
        *TOP_COLUMNS,
        *("choices", "usage", "messages", "prompt", "model", "id", "object", "created"),
        *("max_tokens", "max_completion_tokens", "temperature", "error", "status", "cache_hit"),
    )

    def recognises(self, row: Row) -> bool:
        response = response_in(row)
        return bool(response) and is_completion(response)

    def request(self, row: Row) -> LoggedRequest:
        leave_out(row)
        response = response_in(row)
        if response:
            leave_out(response)
        return exchange(request_in(row), response, "", request_id=first_of(row, "id", "request_id"))


def response_in(row: Row) -> Row:
    """Give the response's object; {} if the row holds none."""
    if is_completion(row):
        return row
    for column in RESPONSE_COLUMNS:
        found = object_in(row, column)
        if is_completion(found):
            return found
    return {}
