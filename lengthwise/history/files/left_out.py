"""Rows that are no answer of an LLM: failed, cancelled, cached and other calls, by cause."""

import re
from collections.abc import Mapping
from typing import Any, cast

from lengthwise.history.files.values import Row, lookup

FAILED = "failed"
"""A cause to leave a row out, as the report counts it, as the next six: no answer came of it."""

CANCELLED = "cancelled"
"""Somebody ended the answer before the LLM did: its length says nothing."""

CACHED = "cached"
"""A gateway gave an earlier answer again: the LLM generated nothing."""

NO_ANSWER = "without an answer"
"""The log holds the request alone."""

OTHER_CALL = "not a generation"
"""A call that generates no text, of a kind without a name of its own here."""

PROMPT_CUT = "with a prompt that the log cut"
"""What remains is another prompt than the one that was answered."""

NOT_WHERE = "not in --where"
"""The user asked for other rows."""

CLIENT_LEFT_STATUS = 499
"""What gateways log when the client hung up before the answer was whole."""

FIRST_FAILED_STATUS = 400
"""HTTP statuses from here on say that there was no answer."""

_FAILED_WORDS = frozenset({"failed", "failure", "error", "errored", "expired", "timeout"})
"""Statuses, in lower case, after which there is no answer."""

_CANCELLED_WORDS = frozenset({"cancelled", "canceled", "aborted", "abort", "cancelling"})
"""Statuses, in lower case, after which an answer may be cut off anywhere."""

_TRUE_WORDS = frozenset({"true", "1", "yes", "hit"})
"""What tables write, in lower case, into a column for flags that are set."""

_NO_ERROR_WORDS = frozenset({"", "0", "false", "no", "none", "null", "nan"})
"""What tables write, in lower case, into a column for errors where there was none."""

_OTHER_CALLS = (
    *("embedding", "moderation", "rerank", "score", "image"),
    *("transcription", "speech", "audio"),
)
"""Parts of the names and paths of calls that generate no text: such rows are counted as these."""

_STATUS_COLUMNS = ("status", "response.status")
"""Where logs say how a request ended, in words or as a number."""

_STATUS_CODE_COLUMNS = ("status_code", "http_status", "response.status_code", "error_code")
"""Where logs put the HTTP status."""

_CALL_COLUMNS = ("call_type", "operation")
"""Where gateways name the kind of call."""

_PATH_COLUMNS = ("url", "endpoint", "path")
"""Where logs put what was called over HTTP."""

COLUMNS = frozenset(
    {
        *(*_STATUS_COLUMNS, *_STATUS_CODE_COLUMNS, *_CALL_COLUMNS, *_PATH_COLUMNS),
        *("object", "error", "cache_hit", "cached"),
    }
)
"""All that `leave_out` looks at, which a columnar file must read."""

_API_PATH = re.compile(r"/v[0-9][a-z0-9]*/(.*)")
"""What is called stands behind the API's version: other paths are files and pages."""


class LeftOut(Exception):  # noqa: N818 (it is no error: such rows are expected in every log)
    """A row that holds nothing to learn from.

    Args:
        cause: A short fixed text to count by, such as "failed".
    """

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


def leave_out(row: Row) -> None:
    """Raise if a row says, in one of the usual columns, that it is no answer of an LLM.

    Raises:
        LeftOut: With the cause.
    """
    leave_out_calls(row)
    for column in _STATUS_COLUMNS:
        leave_out_status(lookup(row, column))
    for column in _STATUS_CODE_COLUMNS:
        leave_out_status_code(lookup(row, column))
    if is_error(row.get("error")):
        raise LeftOut(FAILED)
    if is_true(row.get("cache_hit")) or is_true(row.get("cached")):
        raise LeftOut(CACHED)


def leave_out_calls(row: Row) -> None:
    """Raise for embeddings and all else that generates no text.

    Raises:
        LeftOut: With the kind of call.
    """
    if row.get("object") == "embedding":
        raise LeftOut("embedding")
    for column in _CALL_COLUMNS:
        leave_out_call(lookup(row, column))
    for column in _PATH_COLUMNS:
        path = _API_PATH.search(str(lookup(row, column) or ""))
        if path:
            leave_out_call(path.group(1))


def leave_out_call(name: object) -> None:
    """Raise if a call's name or path is that of another kind of call.

    Raises:
        LeftOut: With the kind of call.
    """
    if isinstance(name, str):
        lower = name.lower()
        for part in _OTHER_CALLS:
            if part in lower:
                raise LeftOut(part)


def leave_out_status(status: object) -> None:
    """Raise if a status, in words or as a number, says that there is no whole answer.

    Raises:
        LeftOut: "failed" or "cancelled".
    """
    if not isinstance(status, str):
        leave_out_status_code(status)
        return
    word = status.strip().lower()
    if word in _CANCELLED_WORDS:
        raise LeftOut(CANCELLED)
    if word in _FAILED_WORDS:
        raise LeftOut(FAILED)


def leave_out_status_code(code: object) -> None:
    """Raise for HTTP statuses from 400 on; 499 is a client that left.

    Raises:
        LeftOut: "failed" or "cancelled".
    """
    digits = code.strip() if isinstance(code, str) else ""
    number = int(digits) if digits.isdecimal() and len(digits) == len("499") else code
    if isinstance(number, bool) or not isinstance(number, int | float):
        return
    if number == CLIENT_LEFT_STATUS:
        raise LeftOut(CANCELLED)
    if number >= FIRST_FAILED_STATUS:
        raise LeftOut(FAILED)


def is_error(error: object) -> bool:
    """Tell if what stands in a column for errors is one: a text, an object, or true.

    Nothing, false and "" are none, in any spelling, and neither is a number, which may measure
    something.
    """
    if isinstance(error, str):
        return error.strip().lower() not in _NO_ERROR_WORDS
    if isinstance(error, bool):
        return error
    return isinstance(error, list | Mapping) and bool(cast("Any", error))


def is_true(value: object) -> bool:
    """Tell if a flag is set, in the spellings of JSON, Python and databases."""
    if isinstance(value, str):
        return value.strip().lower() in _TRUE_WORDS
    return value is True or (isinstance(value, int) and value == 1)
