"""How our key becomes what an engine's or a router's field takes.

A key is in microseconds since 1970, and lower goes first. Fields are narrower, run the other way,
or make a label of each value; the functions here are monotonic, so that no two requests change
places, and what a field cannot tell apart goes in order of arrival in every engine below.

| engine | field | is |
|---|---|---|
| vllm | header X-Vllm-Priority | the key itself, int64 |
| vllm-int32 | the same | whole seconds, for the Rust frontend, whose priority is an int32 |
| sglang | body `priority` | one of few classes of length, since each value becomes a label |
| sglang-aged | the same | the key in whole seconds, for a server without metrics |
| dynamo | body `nvext.agent_hints` | predicted length, and whole seconds turned round |
| llm-d | header x-llm-d-slo-ttft-ms, and vllm's | the key as a deadline after the arrival |
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from lengthwise.scheduling.keys import US_PER_S
from scheduler_client.gateways.placed_request import PlacedRequest

VLLM_HEADER = "X-Vllm-Priority"
"""It beats the `priority` of the body, and on /v1/messages it alone counts."""

LLM_D_HEADER = "x-llm-d-slo-ttft-ms"
"""What llm-d's slo-deadline-ordering-policy adds to the arrival."""

INT32_MIN = -(2**31)
"""Of a priority that a caller chose; ours are never negative."""

INT32_MAX = 2**31 - 1
"""Reached by whole seconds since 1970 in January 2038; later keys are all equal to it."""

UINT32_MAX = 2**32 - 1
"""What the `osl` of Dynamo's hints holds; a number beyond is dropped."""

MAX_LENGTH_CLASS = 23
"""That of ten million tokens, beyond which a length is taken for a mistake."""

DEADLINE_OFFSET_MS = 24 * 3_600_000
"""Deadlines are no earlier than the arrival, keys may be: all are put off by the same day."""


@dataclass(frozen=True, slots=True)
class RequestFields:
    """What is added to a request on its way.

    Args:
        headers: Of HTTP, by their names in any case.
        body: Fields of the JSON object, nested as there.
    """

    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])


def int32_priority(key: int) -> int:
    """Whole seconds since 1970, from 1 to INT32_MAX; 0 means no priority.

    They never wrap, and any proxy can write the arrival in them where the predictor is away.
    Requests within a second of each other go in order of arrival, which costs little: a second is
    about 50 tokens, and a mean prediction is as far off.
    """
    return min(max(key // US_PER_S, 1), INT32_MAX)


def within_int32(priority: int) -> int:
    """A caller's own priority as far as the Rust frontend takes one: beyond, it would read 0."""
    return min(max(priority, INT32_MIN), INT32_MAX)


def length_class(tokens: float) -> int:
    """The power of two next to a length, from 0 to MAX_LENGTH_CLASS: shorter goes first.

    It holds no arrival, or there would be a new value each second: a long request waits for as
    long as shorter ones keep coming.

    Args:
        tokens: Of the expected answer; not a number goes last.
    """
    if not tokens <= 2**MAX_LENGTH_CLASS:
        return MAX_LENGTH_CLASS
    return round(math.log2(max(tokens, 1.0)))


def output_length(tokens: float) -> int:
    """A length as Dynamo takes it: whole tokens from 1 to UINT32_MAX."""
    return UINT32_MAX if math.isnan(tokens) else math.ceil(min(max(tokens, 1.0), UINT32_MAX))


def deadline_ms(key: int, arrival_s: float) -> int:
    """Milliseconds from the arrival to the key as a deadline, a day later; at least 0.

    It takes a rule whose keys hold the arrival: by `shortest` and `gittins` all deadlines are 0.
    """
    return max(0, round((key - arrival_s * US_PER_S) / 1_000) + DEADLINE_OFFSET_MS)


def _vllm(placed: PlacedRequest) -> RequestFields:
    return RequestFields(headers={VLLM_HEADER: str(placed.key)})


def _vllm_int32(placed: PlacedRequest) -> RequestFields:
    return RequestFields(headers={VLLM_HEADER: str(int32_priority(placed.key))})


def _sglang(placed: PlacedRequest) -> RequestFields:
    return RequestFields(body={"priority": length_class(placed.expected_tokens)})


def _sglang_aged(placed: PlacedRequest) -> RequestFields:
    return RequestFields(body={"priority": int32_priority(placed.key)})


def _dynamo(placed: PlacedRequest) -> RequestFields:
    # A negative priority is none to Dynamo's router, which goes by the length and the arrival, and
    # goes on to the engine, whichever way round that takes it.
    hints = {
        "osl": output_length(placed.expected_tokens),
        "priority": -int32_priority(placed.key),
    }
    return RequestFields(body={"nvext": {"agent_hints": hints}})


def _llm_d(placed: PlacedRequest) -> RequestFields:
    deadline = str(deadline_ms(placed.key, placed.arrival_s))
    return RequestFields(headers={LLM_D_HEADER: deadline, VLLM_HEADER: str(placed.key)})


FIELDS_OF_ENGINE: Mapping[str, Callable[[PlacedRequest], RequestFields]] = {
    "vllm": _vllm,
    "vllm-int32": _vllm_int32,
    "sglang": _sglang,
    "sglang-aged": _sglang_aged,
    "dynamo": _dynamo,
    "llm-d": _llm_d,
}
"""Name of an engine to what is added to its requests."""

ENGINES = tuple(FIELDS_OF_ENGINE)
"""Their names, for settings and messages."""


def with_headers(headers: Mapping[str, str], added: Mapping[str, str]) -> dict[str, str]:
    """Headers and those added; one that is there already stays, whatever the case of its name."""
    there = {name.lower() for name in headers}
    new = {name: value for name, value in added.items() if name.lower() not in there}
    return {**headers, **new}


def with_fields(body: Mapping[str, Any], added: Mapping[str, Any]) -> dict[str, Any]:
    """A body and the fields added, object by object; a field that is there already stays."""
    merged = dict(body)
    for name, value in added.items():
        there = merged.get(name)
        if isinstance(there, Mapping) and isinstance(value, Mapping):
            merged[name] = with_fields(cast("Mapping[str, Any]", there), value)
        elif there is None:
            merged[name] = value
    return merged
