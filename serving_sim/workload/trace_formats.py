"""Traces as they are published: BurstGPT, Azure's of 2023 and 2024, Mooncake's, and plain logs."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

MS_PER_S = 1000.0
"""Milliseconds, which Mooncake and some plain logs count in, to a second."""

EPOCH_MS_FROM = 1e11
"""A plain log's number of time beyond this counts milliseconds: in seconds it is the year 5138."""

# Columns that every trace is brought to.
OUTPUT_TOKENS = "output_tokens"  # of the answer
INPUT_TOKENS = "input_tokens"  # of the prompt
TIMESTAMP_S = "timestamp_s"  # of the arrival, on any clock

# Why a row is left out, as its note says it.
_FAILED = "failed"  # by its status, or by an answer of no tokens
_NO_TIME = "without a time"  # in a file that has times
_NO_LENGTH = "without a length"  # in a published trace; a plain log without lengths is refused

_FAILED_STATUSES = frozenset({"failed", "failure", "error", "cancelled", "canceled", "aborted"})
"""What a column "status" says, in small letters, of a request that got no whole answer."""


@dataclass(frozen=True, slots=True)
class TraceFormat:
    """How one publisher names what a simulation needs.

    Args:
        title: What it is called in a note.
        time: Column with the arrival, in the unit that `to_s` reads.
        input_tokens: Column with the tokens of the prompt.
        output_tokens: Column with the tokens of the answer.
        to_s: Converts the arrival to seconds.
        zero_is_failed: An answer of no tokens is the publisher's mark of a failed request.
    """

    title: str
    time: str
    input_tokens: str
    output_tokens: str
    to_s: Callable[[Any], float]
    zero_is_failed: bool = False

    def has(self, row: Mapping[str, Any]) -> bool:
        """Tell if a row has this publisher's columns."""
        return all(name in row for name in (self.time, self.input_tokens, self.output_tokens))


def date_time_s(value: Any) -> float:
    """Convert a date-time to seconds since 1970; one without an offset is taken for UTC.

    Raises:
        ValueError: If it is none.
    """
    moment = datetime.fromisoformat(str(value).strip())
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def plain_time_s(value: Any) -> float:
    """Convert a plain log's time: seconds, milliseconds since 1970, or a date-time.

    Raises:
        ValueError: If it is none of these.
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        return date_time_s(value)
    return number / MS_PER_S if number > EPOCH_MS_FROM else number


TRACE_FORMATS = (
    TraceFormat(
        title="BurstGPT",
        time="Timestamp",
        input_tokens="Request tokens",
        output_tokens="Response tokens",
        to_s=float,
        zero_is_failed=True,
    ),
    TraceFormat(
        title="Azure LLM inference trace",
        time="TIMESTAMP",
        input_tokens="ContextTokens",
        output_tokens="GeneratedTokens",
        to_s=date_time_s,
    ),
    TraceFormat(
        title="Mooncake trace",
        time="timestamp",
        input_tokens="input_length",
        output_tokens="output_length",
        to_s=lambda value: float(value) / MS_PER_S,
    ),
)
"""Told apart by their columns: the first that has all of its own in a file's first row."""

# Columns of plain logs, these of the arrival; of each group the first that says anything counts.
_PLAIN_TIMES = (TIMESTAMP_S, "timestamp", "arrival_s", "created_at", "start_time", "time")
_PLAIN_OUTPUTS = (OUTPUT_TOKENS, "completion_tokens", "generated_tokens")  # of the answer
_PLAIN_INPUTS = (INPUT_TOKENS, "prompt_tokens")  # of the prompt


@dataclass
class TraceRows:
    """The rows of a file under one set of names, and what was left out of it.

    Args:
        read_as: The publisher whose columns the file has; "" for a plain log.
        left_out: Rows that stand for no answered request, by cause.
    """

    read_as: str = ""
    left_out: Counter[str] = field(default_factory=Counter[str])

    def standard(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """Bring rows to the columns of a length table; their own columns stay as well.

        Raises:
            KeyError: If a plain log has no lengths at all.
            ValueError: If a time is none.
        """
        known: TraceFormat | None = None
        timed = False
        for number, row in enumerate(rows):
            if number == 0:
                known = next((one for one in TRACE_FORMATS if one.has(row)), None)
                self.read_as = known.title if known else ""
                timed = known is not None or _first(row, _PLAIN_TIMES) is not None
            cause = _cause(row, known, timed=timed)
            if cause:
                self.left_out[cause] += 1
            else:
                yield _published(row, known) if known else _plain(row)

    def notes(self, *, sorted_by_time: bool) -> tuple[str, ...]:
        """Say what was read, left out and put in order, a line each.

        Args:
            sorted_by_time: The rows had to be sorted.
        """
        notes: list[str] = []
        if self.read_as:
            notes.append(f"read as {self.read_as}")
        if self.left_out:
            causes = ", ".join(f"{count:,} {cause}" for cause, count in self.left_out.most_common())
            notes.append(f"rows left out: {causes}")
        if sorted_by_time:
            notes.append("rows were not in the order of their arrival: sorted")
        return tuple(notes)


def _cause(row: Mapping[str, Any], known: TraceFormat | None, *, timed: bool) -> str:
    """Say why a row stands for no answered request; "" if it does."""
    status = str(row.get("status") or "").strip().lower()
    if status in _FAILED_STATUSES:
        return _FAILED
    time = row.get(known.time) if known else _first(row, _PLAIN_TIMES)
    if timed and time in (None, ""):
        return _NO_TIME
    if known is None:
        return ""
    length = row.get(known.output_tokens)
    if length in (None, ""):
        return _NO_LENGTH
    return _FAILED if known.zero_is_failed and float(length) == 0 else ""


def _published(row: Mapping[str, Any], known: TraceFormat) -> dict[str, Any]:
    return {
        **row,
        TIMESTAMP_S: known.to_s(row[known.time]),
        INPUT_TOKENS: row[known.input_tokens],
        OUTPUT_TOKENS: row[known.output_tokens],
    }


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    standard = dict(row)
    output = _first(row, _PLAIN_OUTPUTS)
    if output is None:
        raise KeyError(OUTPUT_TOKENS)
    standard[OUTPUT_TOKENS] = output
    time = _first(row, _PLAIN_TIMES)
    if time is not None:
        standard[TIMESTAMP_S] = plain_time_s(time)
    given = _first(row, _PLAIN_INPUTS)
    if given is not None:
        standard[INPUT_TOKENS] = given
    return standard


def _first(row: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((row[name] for name in names if row.get(name) not in (None, "")), None)
