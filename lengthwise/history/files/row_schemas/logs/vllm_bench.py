"""vLLM's `bench serve --save-detailed`: lists of lengths, joined with the prompts by order."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, cast

from lengthwise.history.files.errors import RowError
from lengthwise.history.files.left_out import FAILED, LeftOut, is_error
from lengthwise.history.files.logged.logged_request import (
    LoggedChoice,
    LoggedRequest,
    asked,
    first_of,
)
from lengthwise.history.files.message_text import MessageText
from lengthwise.history.files.row_schemas.logs.log_schema import LogSchema
from lengthwise.history.files.values import Row

_ANSWER = "bench"
"""Column of an unpacked row that holds one request's numbers."""

_LIMIT_COLUMNS = ("max_tokens", "expected_output_len", "output_tokens")
"""What a dataset may state for each prompt; vLLM's custom datasets call the limit output_tokens."""


class VllmBenchSchema(LogSchema):
    """`output_lens` with `generated_texts` and `errors`; prompts are not in this file.

    Why an answer ended is not in it either. Where the prompts' file states no limit and the
    longest length of the run came more than once, that length is taken for the limit.
    """

    name = "vllm-bench"
    title = "a vLLM benchmark's results"
    columns = ("input_lens", "output_lens", "generated_texts", "errors", "model_id", _ANSWER)

    def recognises(self, row: Row) -> bool:
        return isinstance(row.get("output_lens"), list) and "input_lens" in row

    def unpack(self, row: Row) -> Iterable[Row]:
        """Give one row for each request."""
        return _requests(row) if "output_lens" in row else (row,)

    def request(self, row: Row) -> LoggedRequest:
        answer = cast("Row", row.get(_ANSWER) or {})
        if is_error(answer.get("error")):
            raise LeftOut(FAILED)
        if not any(key in row for key in ("prompt", "messages", "conversations")):
            raise RowError(
                "vLLM's results hold no prompts: name the file of prompts with --history and this "
                "one with --answers, joined with --join-on row-number",
                kind="no prompt",
            )
        limit = first_of(row, *_LIMIT_COLUMNS)
        text = answer.get("text")
        return LoggedRequest(
            **_asked(row),
            choices=[LoggedChoice(MessageText(text) if isinstance(text, str) else None)],
            output_tokens=answer.get("output_tokens"),
            id=row.get("id"),
            model=answer.get("model"),
            max_tokens=answer.get("longest") if limit is None else limit,
        )


def _asked(row: Row) -> dict[str, Any]:
    turns = row.get("conversations")
    if isinstance(turns, list) and turns:
        return asked({"messages": turns[:1]}, "")  # vLLM asks with the first turn alone
    return asked(row, "")


def _requests(results: Row) -> Iterator[Row]:
    lengths = cast("list[Any]", results["output_lens"])
    count = len(lengths)
    texts, errors = _column(results, "generated_texts", count), _column(results, "errors", count)
    times = Counter(length for length in lengths if isinstance(length, int))
    longest = max(times, default=0)
    for length, text, error in zip(lengths, texts, errors, strict=True):
        limit = longest if times[longest] > 1 and length == longest else None
        yield {
            _ANSWER: {
                "output_tokens": length,
                "text": text,
                "error": error,
                "longest": limit,
                "model": results.get("model_id"),
            }
        }


def _column(results: Row, name: str, count: int) -> list[Any]:
    value = results.get(name)
    if not isinstance(value, list):
        return [None] * count
    if len(cast("list[Any]", value)) != count:
        raise RowError(
            f"{name} has {len(cast('list[Any]', value))} entries for {count} output_lens: expected "
            "as many",
            kind="bad row",
        )
    return cast("list[Any]", value)
