"""OpenAI's Batch API and vLLM's run-batch: requests in one file, answers in another."""

from lengthwise.history.files.errors import RowError
from lengthwise.history.files.left_out import (
    FAILED,
    LeftOut,
    is_error,
    leave_out_call,
    leave_out_status_code,
)
from lengthwise.history.files.logged.api_objects import exchange, object_in
from lengthwise.history.files.logged.logged_request import LoggedRequest
from lengthwise.history.files.row_schemas.logs.log_schema import LogSchema
from lengthwise.history.files.values import Row, lookup


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
