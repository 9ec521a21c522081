"""SGLang: its JSON request log, and requests merged with what /generate gave back."""

from collections.abc import Iterable
from typing import Any, cast

from lengthwise.history.files.errors import RowError
from lengthwise.history.files.finish_reasons import reasons_in
from lengthwise.history.files.left_out import CANCELLED, NO_ANSWER, PROMPT_CUT, LeftOut, leave_out
from lengthwise.history.files.logged.api_objects import limit_of, object_in
from lengthwise.history.files.logged.logged_request import (
    LoggedChoice,
    LoggedRequest,
    first_of,
    mapping,
)
from lengthwise.history.files.message_text import MessageText
from lengthwise.history.files.row_schemas.logs.log_schema import LogSchema
from lengthwise.history.files.values import Row, describe, is_absent

_RECEIVED, _FINISHED = "request.received", "request.finished"
"""Values of `event`: a request has a line of each, and the second repeats what it was asked."""

_LOGGED_HALF_CHARS = 1024
"""At log level 2 a longer text is cut to its first and last 1,024 characters, with ... between."""


class SglangSchema(LogSchema):
    """`event` with `obj` and `out` (request log), or `text` and `sampling_params` with `meta_info`.

    The log needs --log-requests-level 3 with --log-requests-format json: below level 2 it has no
    prompts, and at level 2 the long ones are cut.
    """

    name = "sglang"
    title = "SGLang request log"
    columns = (
        *("event", "rid", "obj", "out", "meta_info", "text", "prompt", "sampling_params"),
        *("request", "response", "model", "error", "status"),
    )

    def recognises(self, row: Row) -> bool:
        logged = row.get("event") in (_RECEIVED, _FINISHED) and "obj" in row
        return logged or "meta_info" in row or "meta_info" in object_in(row, "response")

    def unpack(self, row: Row) -> Iterable[Row]:
        """Give the requests of a batch: `obj.text` is a list, `out` holds as many answers to each.

        Raises:
            RowError: If another list of it has entries for more texts or fewer.
        """
        asked, answers = object_in(row, "obj"), row.get("out")
        texts = asked.get("text")
        if not isinstance(texts, list) or not texts or not isinstance(answers, list):
            return (row,)
        several = cast("list[Any]", texts)
        parameters = _for_each(asked.get("sampling_params"), len(several), "obj.sampling_params")
        names = _names(row.get("rid"), len(several))
        outs = _shares(cast("list[Any]", answers), len(several))
        return [
            {**row, "rid": name, "obj": {**asked, "text": text, "sampling_params": own}, "out": out}
            for name, text, own, out in zip(names, several, parameters, outs, strict=True)
        ]

    def request(self, row: Row) -> LoggedRequest:
        if row.get("event") == _RECEIVED:
            raise LeftOut(NO_ANSWER)
        leave_out(row)
        request = object_in(row, "obj", "request") or row
        outs: Any = first_of(row, "out", "response")
        if outs is None:
            outs = row
        answers = [mapping(one) for one in (outs if isinstance(outs, list) else [outs])]
        parameters = object_in(request, "sampling_params")
        return LoggedRequest(
            prompt=_prompt(request, answers),
            choices=[_choice(one) for one in answers],
            id=first_of(row, "rid", "id"),
            model=first_of(row, "model"),
            max_tokens=limit_of(parameters),
            temperature=parameters.get("temperature"),
        )


def _for_each(value: object, count: int, place: str) -> list[Any]:
    """Give each text of a batch its entry; what is no list holds for all of them."""
    if not isinstance(value, list):
        return [value] * count
    entries = cast("list[Any]", value)
    if len(entries) != count:
        raise _mismatch(place, len(entries), count)
    return entries


def _names(rid: object, count: int) -> list[Any]:
    """Name the requests of a batch, which has a list of ids, or one for them all."""
    if count > 1 and isinstance(rid, str):
        return [f"{rid}-{place}" for place in range(count)]
    return _for_each(rid, count, "rid")


def _shares(answers: list[Any], count: int) -> list[list[Any]]:
    """Give each text its answers, which follow each other: as many to each."""
    each, rest = divmod(len(answers), count)
    if rest:
        raise _mismatch("out", len(answers), count)
    return [answers[place * each : (place + 1) * each] for place in range(count)]


def _mismatch(place: str, entries: int, count: int) -> RowError:
    return RowError(
        f"{place} has {entries} entries for {count} texts: expected as many", kind="bad row"
    )


def _prompt(request: Row, answers: list[Row]) -> str:
    # a merged row without "prompt" has its request's text only where no answer's text stands there
    keys = ("prompt",) if any(request is answer for answer in answers) else ("text", "prompt")
    text = first_of(request, *keys)
    if is_absent(text):
        raise RowError(
            "no prompt: SGLang logs the text with --log-requests-level 3", kind="no prompt"
        )
    if not isinstance(text, str):
        raise RowError(f"the prompt is {describe(text)}: expected text", kind="bad prompt")
    middle = text[_LOGGED_HALF_CHARS:-_LOGGED_HALF_CHARS]
    if len(text) > 2 * _LOGGED_HALF_CHARS and middle == "...":
        raise LeftOut(PROMPT_CUT)
    return text


def _choice(answer: Row) -> LoggedChoice:
    meta = mapping(answer.get("meta_info"))
    if not meta:
        raise RowError("no meta_info: its completion_tokens are the length", kind="no answer")
    reason = meta.get("finish_reason")
    if "abort" in reasons_in(reason, "finish_reason"):
        raise LeftOut(CANCELLED)
    text = answer.get("text")
    return LoggedChoice(
        MessageText(text) if isinstance(text, str) else None,
        reason,
        meta.get("completion_tokens"),
    )
