"""Anthropic's Message Batches: requests in one file, results in another."""

from lengthwise.history.files.errors import RowError
from lengthwise.history.files.left_out import leave_out_status
from lengthwise.history.files.logged.api_objects import exchange, object_in
from lengthwise.history.files.logged.logged_request import LoggedRequest, mapping
from lengthwise.history.files.row_schemas.logs.log_schema import LogSchema
from lengthwise.history.files.values import Row, lookup


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
