"""AIPerf: its records of requests, joined with the inputs that it writes beside them."""

from collections.abc import Iterable, Iterator
from typing import Any, cast

from lengthwise.history.files.errors import RowError
from lengthwise.history.files.left_out import CANCELLED, FAILED, LeftOut, is_error, is_true
from lengthwise.history.files.logged.api_objects import limit_of, object_in
from lengthwise.history.files.logged.logged_request import (
    LoggedChoice,
    LoggedRequest,
    asked,
    mapping,
)
from lengthwise.history.files.row_schemas.logs.log_schema import LogSchema
from lengthwise.history.files.values import Row, is_absent, lookup

_LENGTHS = ("metrics.usage_completion_tokens", "metrics.output_sequence_length")
"""What the server stated, else what AIPerf counted, thoughts and all."""


class AiperfSchema(LogSchema):
    """`metadata` with `metrics` (profile_export.jsonl), and `payloads` of inputs.json."""

    name = "aiperf"
    title = "AIPerf records"
    columns = ("metadata", "metrics", "error", "data", "payload")
    answers_beside = "inputs.json"

    def recognises(self, row: Row) -> bool:
        records = "metrics" in row and lookup(row, "metadata.session_num") is not None
        inputs = any("payloads" in mapping(item) for item in _list(row.get("data"))[:1])
        return records or inputs

    def unpack(self, row: Row) -> Iterable[Row]:
        """Give the turns of the sessions of an inputs.json; a record is one request."""
        return _turns(row) if "data" in row else (row,)

    def join_key(self, row: Row) -> str:
        """Name a turn: its session and its place in it."""
        session = lookup(row, "metadata.conversation_id")
        turn = lookup(row, "metadata.turn_index")
        return "" if is_absent(session) else f"{session}:{turn or 0}"

    def request(self, row: Row) -> LoggedRequest:
        if is_error(row.get("error")):
            code = lookup(row, "error.code")
            raise LeftOut(CANCELLED if code == 499 else FAILED)
        if is_true(lookup(row, "metadata.was_cancelled")):
            raise LeftOut(CANCELLED)
        payload = object_in(row, "payload")
        if not payload:
            raise RowError(
                "no prompt: expected AIPerf's inputs.json beside its records, or --answers with "
                "its place",
                kind="no prompt",
            )
        lengths = [mapping(lookup(row, name)).get("value") for name in _LENGTHS]
        return LoggedRequest(
            **asked(payload, "payload."),
            choices=[LoggedChoice()],
            output_tokens=next((one for one in lengths if one is not None), None),
            id=lookup(row, "metadata.x_request_id"),
            model=payload.get("model"),
            max_tokens=limit_of(payload),
            temperature=payload.get("temperature"),
            group=lookup(row, "metadata.x_correlation_id"),
        )


def _turns(inputs: Row) -> Iterator[Row]:
    for session in _list(inputs.get("data")):
        for turn, payload in enumerate(_list(session.get("payloads"))):
            yield {
                "metadata": {"conversation_id": session.get("session_id"), "turn_index": turn},
                "payload": payload,
            }


def _list(value: object) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []
