"""GuideLLM: the report of a benchmark, with the requests that it kept."""

from collections.abc import Iterable, Iterator
from typing import Any, cast

from lengthwise.history.files.errors import RowError
from lengthwise.history.files.left_out import CANCELLED, FAILED, LeftOut
from lengthwise.history.files.logged.api_objects import limit_of, object_in
from lengthwise.history.files.logged.logged_request import (
    LoggedChoice,
    LoggedRequest,
    asked,
    mapping,
)
from lengthwise.history.files.message_text import MessageText, message_text
from lengthwise.history.files.row_schemas.logs.log_schema import LogSchema
from lengthwise.history.files.values import Row, lookup

_CAUSES = {"successful": None, "errored": FAILED, "incomplete": CANCELLED}
"""Groups of requests in a report -> why those in it are no whole answers."""

_GROUP = "lengthwise_group"
"""Added to each request as it is unpacked: the group that it stood in."""


class GuidellmSchema(LogSchema):
    """`benchmarks` with `requests`: successful, errored and incomplete."""

    name = "guidellm"
    title = "a GuideLLM report"
    columns = ("benchmarks",)

    def recognises(self, row: Row) -> bool:
        first = next(iter(_list(row.get("benchmarks"))), None)
        return first is not None and "requests" in first

    def unpack(self, row: Row) -> Iterable[Row]:
        """Give the requests of all benchmarks of a report."""
        return _requests(row) if "benchmarks" in row else (row,)

    def request(self, row: Row) -> LoggedRequest:
        cause = _CAUSES.get(str(row.get(_GROUP)))
        if cause:
            raise LeftOut(cause)
        body = object_in(row, "request_args.body") or object_in(
            object_in(row, "request_args"), "body"
        )
        if not body:
            raise RowError(
                "no request_args: the report keeps what was asked only of the requests that it "
                "samples",
                kind="no prompt",
            )
        return LoggedRequest(
            **asked(body, "request_args.body."),
            choices=[LoggedChoice(_answer(row))],
            output_tokens=lookup(row, "output_metrics.text_tokens"),
            id=row.get("request_id"),
            model=body.get("model"),
            max_tokens=limit_of(body),
            temperature=body.get("temperature"),
        )


def _requests(report: Row) -> Iterator[Row]:
    for benchmark in _list(report.get("benchmarks")):
        groups = mapping(benchmark.get("requests"))
        for group in _CAUSES:
            for request in _list(groups.get(group)):
                yield {**request, _GROUP: group}


def _answer(row: Row) -> MessageText | None:
    if row.get("output") is None and not row.get("tool_calls"):
        return None
    fields: dict[str, Any] = {
        "content": row.get("output"),
        "reasoning": row.get("reasoning_output"),
        "tool_calls": row.get("tool_calls"),
    }
    return message_text(fields, "output", "answer")


def _list(value: object) -> list[Row]:
    return [mapping(item) for item in cast("list[Any]", value)] if isinstance(value, list) else []
