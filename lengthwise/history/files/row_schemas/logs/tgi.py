"""Hugging Face's Text Generation Inference: a request merged with what /generate gave back."""

from typing import Any, cast

from lengthwise.history.files.errors import RowError
from lengthwise.history.files.left_out import FAILED, LeftOut, leave_out
from lengthwise.history.files.logged.api_objects import limit_of, object_in
from lengthwise.history.files.logged.logged_request import (
    LoggedChoice,
    LoggedRequest,
    asked,
    first_of,
    mapping,
)
from lengthwise.history.files.message_text import MessageText
from lengthwise.history.files.row_schemas.logs.log_schema import LogSchema
from lengthwise.history.files.row_schemas.logs.openai import (
    RESPONSE_COLUMNS,
    TOP_COLUMNS,
    request_in,
)
from lengthwise.history.files.values import Row


class TgiSchema(LogSchema):
    """`inputs` and `parameters` with `generated_text` and `details`."""

    name = "tgi"
    title = "TGI requests with their responses"
    columns = (
        *TOP_COLUMNS,
        *("inputs", "parameters", "generated_text", "details", "error", "error_type"),
        *("id", "model", "model_id", "status"),
    )

    def recognises(self, row: Row) -> bool:
        return "inputs" in request_in(row) and (
            "parameters" in request_in(row) or bool(_response_in(row))
        )

    def request(self, row: Row) -> LoggedRequest:
        leave_out(row)
        request, response = request_in(row), _response_in(row)
        if "error_type" in row or "error_type" in object_in(row, *RESPONSE_COLUMNS):
            raise LeftOut(FAILED)
        if not response:
            raise RowError("no response: expected generated_text", kind="no answer")
        parameters = object_in(request, "parameters")
        return LoggedRequest(
            **asked(request, ""),
            choices=_choices(response),
            id=first_of(row, "id", "request_id"),
            model=first_of(row, "model", "model_id"),
            max_tokens=limit_of(parameters),
            temperature=parameters.get("temperature"),
        )


def _choices(response: Row) -> list[LoggedChoice]:
    """Give the answer that was returned: of `best_of` others only it was anybody's choice."""
    details = mapping(response.get("details"))
    text = response.get("generated_text")
    return [
        LoggedChoice(
            MessageText(text) if isinstance(text, str) else None,
            details.get("finish_reason"),
            details.get("generated_tokens"),
        )
    ]


def _response_in(row: Row) -> Row:
    if "generated_text" in row:
        return row
    found = object_in(row, *RESPONSE_COLUMNS)
    return found if "generated_text" in found else cast("dict[str, Any]", {})
