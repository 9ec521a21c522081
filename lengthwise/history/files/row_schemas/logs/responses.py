"""OpenAI's Responses API: response objects with the input that they answer."""

from lengthwise.history.files.errors import RowError
from lengthwise.history.files.left_out import leave_out
from lengthwise.history.files.logged.api_objects import exchange, is_responses_object, object_in
from lengthwise.history.files.logged.logged_request import LoggedRequest
from lengthwise.history.files.row_schemas.logs.log_schema import LogSchema
from lengthwise.history.files.row_schemas.logs.openai import (
    RESPONSE_COLUMNS,
    TOP_COLUMNS,
    request_in,
)
from lengthwise.history.files.values import Row, is_absent


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
        return bool(_response_in(row))

    def request(self, row: Row) -> LoggedRequest:
        response = _response_in(row)
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


def _response_in(row: Row) -> Row:
    if is_responses_object(row):
        return row
    for column in RESPONSE_COLUMNS:
        found = object_in(row, column)
        if is_responses_object(found):
            return found
    return {}
