"""OpenAI's APIs: requests of chat, completion, Responses and Batch with what came back.

Many servers speak them, and vLLM's run-batch writes the files of Batch.
"""

from lengthwise.history.files.errors import RowError
from lengthwise.history.files.left_out import (
    FAILED,
    LeftOut,
    is_error,
    leave_out,
    leave_out_call,
    leave_out_status_code,
)
from lengthwise.history.files.logged.api_objects import (
    exchange,
    is_completion,
    is_responses_object,
    object_in,
)
from lengthwise.history.files.logged.logged_request import LoggedRequest, first_of
from lengthwise.history.files.row_schemas.logs.log_schema import LogSchema
from lengthwise.history.files.values import Row, is_absent, lookup

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


class ResponsesSchema(LogSchema):
    """`object` "response" with `output`, beside or below the `input` that was sent."""

    name = "responses"
    title = "OpenAI Responses objects"
    columns = (
        *TOP_COLUMNS,
        *("object", "output", "status", "incomplete_details", "usage", "instructions", "model"),
        *("max_output_tokens", "temperature", "error", "id", "cache_hit"),
    )

    def recognises(self, row: Row) -> bool:
        return bool(_responses_object_in(row))

    def request(self, row: Row) -> LoggedRequest:
        response = _responses_object_in(row)
        if not response:
            leave_out(row)
            raise RowError("no response: expected an object with output", kind="no answer")
        request = dict(request_in(row))
        # the object says again what it was asked with; a request beside it goes first
        for key in ("instructions", "max_output_tokens", "temperature", "model"):
            if is_absent(request.get(key)):
                request[key] = response.get(key)
        if response is not row:
            leave_out(row)
        return exchange(request, response, "", request_id=response.get("id"))


def _responses_object_in(row: Row) -> Row:
    if is_responses_object(row):
        return row
    for column in RESPONSE_COLUMNS:
        found = object_in(row, column)
        if is_responses_object(found):
            return found
    return {}


class OpenaiBatchSchema(LogSchema):
    """`custom_id` with `body` (request) and `response` (answer), joined by `custom_id`."""

    name = "openai-batch"
    title = "OpenAI Batch rows"
    columns = ("custom_id", "body", "url", "method", "response", "error")

    def recognises(self, row: Row) -> bool:
        asks = "body" in row and "url" in row
        answers = "response" in row and "error" in row
        return "custom_id" in row and (asks or answers)

    def join_key(self, row: Row) -> str:
        return str(row.get("custom_id") or "")

    def request(self, row: Row) -> LoggedRequest:
        leave_out_call(row.get("url"))
        leave_out_status_code(lookup(row, "response.status_code"))
        response = object_in(row, "response.body")
        if is_error(row.get("error")) or is_error(response.get("error")):
            raise LeftOut(FAILED)
        body = object_in(row, "body")
        if not body or not response:
            raise RowError(
                "this batch file holds one half of each request: name the file with the other half "
                "(--answers)",
                kind="half a row",
            )
        return exchange(body, response, "body.", request_id=row.get("custom_id"))
