"""Prompts and completions as the command line takes them: text lines or JSON lines."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from lengthwise.request import (
    CONDITION_NAMES,
    CompletedRequest,
    PredictionQuery,
    SamplingConditions,
    SamplingOptions,
)
from scheduler_client.errors import InvalidRequestError

STDIN = "-"
"""In place of a file's name or a prompt: what comes on standard input."""
Format = Literal["auto", "text", "jsonl"]

_JSON_SUFFIXES = {".jsonl", ".ndjson", ".json"}
"""Files named so hold a JSON object on each line, whatever they begin with."""

_Noun = TypeVar("_Noun", PredictionQuery, CompletedRequest)


class InputError(Exception):
    """A file or line that cannot be used: a matter of how the command was called."""


@dataclass(frozen=True, slots=True)
class QueryDefaults:
    """Options of the command line; what a JSON line says of itself wins over them.

    Args:
        model: The LLM that will answer; "" means any.
        neighbour_count: How many past prompts to name; None leaves it to the service.
        sampling: The conditions that all are asked under.
    """

    model: str
    neighbour_count: int | None
    sampling: SamplingConditions

    def query(self, prompt: str) -> PredictionQuery:
        """A query for a plain prompt."""
        return PredictionQuery(
            prompt,
            model=self.model,
            neighbour_count=self.neighbour_count,
            **self.sampling.sampling_options(),
        )

    def query_of_row(self, row: Mapping[str, Any]) -> PredictionQuery:
        """A query for a JSON line."""
        return PredictionQuery(
            prompt=row.get("prompt") or "",
            messages=row.get("messages") or (),
            model=row.get("model") or self.model,
            request_id=str(_first(row.get("request_id"), row.get("id"), "")),
            neighbour_count=self.neighbour_count,
            **_sampling(row, self.sampling),
        )


def read_text(source: str) -> str:
    """Read a file, or standard input for "-", whole.

    Raises:
        InputError: If it cannot be read or is not UTF-8.
    """
    try:
        data = sys.stdin.buffer.read() if source == STDIN else Path(source).read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {source}: {error.strerror}") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{_name(source)}, line {line}: byte {error.start} (0x{data[error.start]:02x}) is not "
            "UTF-8; convert the file first"
        ) from error


def read_queries(source: str, form: Format, defaults: QueryDefaults) -> list[PredictionQuery]:
    """Read one query per line; blank lines are skipped.

    Raises:
        InputError: If the file cannot be read, a line is not JSON, or there is no line at all.
    """
    text = read_text(source)
    if _is_json(source, text, form):
        queries = [_build(defaults.query_of_row, row, where) for where, row in _rows(source, text)]
    else:
        queries = [defaults.query(line) for line in text.splitlines() if line.strip()]
    if not queries:
        raise InputError(f"{_name(source)} holds no prompt: expected one per line")
    return queries


def read_completions(source: str) -> list[CompletedRequest]:
    """Read one completion per JSON line.

    Raises:
        InputError: If the file cannot be read, a line is not a completion, or there is none.
    """
    rows = _rows(source, read_text(source))
    completions = [_build(_completion, row, where) for where, row in rows]
    if not completions:
        raise InputError(f"{_name(source)} holds no completion: expected one JSON object per line")
    return completions


def _completion(row: Mapping[str, Any]) -> CompletedRequest:
    request_id = _first(row.get("request_id"), row.get("id"))
    output_tokens = row.get("output_tokens")
    if request_id is None or output_tokens is None:
        raise InvalidRequestError("expected at least request_id, output_tokens and prompt")
    return CompletedRequest(
        request_id=str(request_id),
        output_tokens=output_tokens,
        prompt=row.get("prompt") or "",
        messages=row.get("messages") or (),
        model=row.get("model") or "",
        finish_reason=row.get("finish_reason") or "stop",
        **_sampling(row, SamplingConditions()),
    )


def _sampling(row: Mapping[str, Any], defaults: SamplingConditions) -> SamplingOptions:
    """The conditions of a JSON line; they are checked when they are sent."""
    given = {name: _first(row.get(name), getattr(defaults, name)) for name in CONDITION_NAMES}
    return cast("SamplingOptions", given)


def _build(make: Callable[[Mapping[str, Any]], _Noun], row: Mapping[str, Any], where: str) -> _Noun:
    try:
        return make(row)
    except InvalidRequestError as error:
        raise InputError(f"{where}: {error}") from error


def _is_json(source: str, text: str, form: Format) -> bool:
    """Whether lines are JSON objects: said, or by the file's suffix, or by how it begins."""
    if form != "auto":
        return form == "jsonl"
    return Path(source).suffix in _JSON_SUFFIXES or text.lstrip().startswith('{"')


def _rows(source: str, text: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each line as an object, with the name of the place where it stands."""
    # Only a line feed ends a JSON line; splitlines would also cut at U+2028 inside a string.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{_name(source)}, line {number}"
        try:
            row: object = json.loads(line)
        except ValueError as error:
            raise InputError(f"{where} is not JSON ({error}): is it cut off?") from error
        if not isinstance(row, dict):
            raise InputError(f"{where} is {type(row).__name__} in JSON: expected an object")
        yield where, cast("dict[str, Any]", row)


def _first(*values: Any) -> Any:
    """The first value that is given."""
    return next((value for value in values if value is not None), None)


def _name(source: str) -> str:
    return "standard input" if source == STDIN else source
