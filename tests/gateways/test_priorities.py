"""Our keys in the fields of engines: in range, in our order, few where each value counts."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lengthwise.scheduling.keys import INT64_MAX, INT64_MIN, aged_key
from scheduler_client.gateways.placed_request import PlacedRequest
from scheduler_client.gateways.priorities import (
    DEADLINE_OFFSET_MS,
    ENGINES,
    FIELDS_OF_ENGINE,
    INT32_MAX,
    MAX_LENGTH_CLASS,
    UINT32_MAX,
    deadline_ms,
    int32_priority,
    length_class,
    output_length,
    with_fields,
    with_headers,
)

NOW_S = 1_795_000_000.0
"""Late in 2026, in seconds since 1970."""

MONTH_S = 30 * 86_400

keys = st.integers(INT64_MIN, INT64_MAX)
lengths = st.floats(allow_nan=True, allow_infinity=True)


def placed(arrival_s: float = NOW_S, tokens: float = 200.0) -> PlacedRequest:
    return PlacedRequest(aged_key(arrival_s, 0.02 * tokens), arrival_s, tokens)


def priority_of(engine: str, request: PlacedRequest) -> int:
    """What the engine orders by, turned so that lower goes first."""
    fields = FIELDS_OF_ENGINE[engine](request)
    if engine == "dynamo":
        return -fields.body["nvext"]["agent_hints"]["priority"]
    if engine.startswith("sglang"):
        return fields.body["priority"]
    if engine == "llm-d":
        return round(request.arrival_s * 1_000) + int(fields.headers["x-llm-d-slo-ttft-ms"])
    return int(fields.headers["X-Vllm-Priority"])


@given(keys, keys)
def test_an_int32_priority_keeps_the_order_of_any_two_keys_and_its_range(one, other):
    low, high = sorted((one, other))
    assert 1 <= int32_priority(low) <= int32_priority(high) <= INT32_MAX


def test_int32_priorities_do_not_wrap_in_years_and_tell_seconds_apart():
    seconds = range(0, 120 * MONTH_S, MONTH_S)
    month_by_month = [int32_priority(aged_key(NOW_S + s, 0.0)) for s in seconds]
    assert month_by_month == [int(NOW_S) + s for s in seconds]


@given(lengths, lengths)
def test_a_shorter_answer_is_never_of_a_later_class(one, other):
    if math.isnan(one) or math.isnan(other):
        assert length_class(math.nan) == MAX_LENGTH_CLASS
        return
    low, high = sorted((one, other))
    assert 0 <= length_class(low) <= length_class(high) <= MAX_LENGTH_CLASS


def test_all_lengths_that_there_are_make_few_classes():
    draw = random.Random(1)
    drawn = [draw.lognormvariate(5.0, 1.5) for _ in range(100_000)]
    assert len({length_class(tokens) for tokens in drawn}) <= 20
    assert [length_class(tokens) for tokens in (0, 1, 16, 200, 10_000_000)] == [0, 0, 4, 8, 23]


@given(lengths)
def test_an_output_length_fits_what_dynamo_takes(tokens):
    assert 1 <= output_length(tokens) <= UINT32_MAX
    if 1 <= tokens <= 1_000_000:
        assert tokens <= output_length(tokens) < tokens + 1


@given(keys, keys, st.floats(0, 2 * NOW_S))
def test_a_deadline_is_no_earlier_than_the_arrival_and_in_the_order_of_the_keys(
    one, other, arrival_s
):
    low, high = sorted((one, other))
    assert 0 <= deadline_ms(low, arrival_s) <= deadline_ms(high, arrival_s)


def test_a_head_start_is_a_deadline_earlier_by_as_much():
    assert deadline_ms(aged_key(NOW_S - 1.5, 0.0), NOW_S) == DEADLINE_OFFSET_MS - 1_500


@pytest.mark.parametrize("engine", ENGINES)
def test_of_two_that_came_together_the_shorter_goes_first(engine):
    assert priority_of(engine, placed(tokens=50.0)) < priority_of(engine, placed(tokens=900.0))


@pytest.mark.parametrize("engine", [name for name in ENGINES if name != "sglang"])
def test_who_came_long_enough_before_goes_first_however_long_its_answer(engine):
    early = placed(NOW_S, tokens=900.0)
    late = placed(NOW_S + MONTH_S, tokens=50.0)
    assert priority_of(engine, early) < priority_of(engine, late)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_queue_is_served_in_the_order_of_its_keys_to_the_second(engine):
    draw = random.Random(2)
    arrivals_s = [NOW_S + draw.uniform(0, 600) for _ in range(500)]
    queue = [placed(arrival_s, draw.lognormvariate(5.0, 1.0)) for arrival_s in arrivals_s]
    if engine == "sglang":
        queue = [placed(tokens=one.expected_tokens) for one in queue]
    served = sorted(queue, key=lambda one: (priority_of(engine, one), one.arrival_s))
    latest_s, worst_s = 0.0, 0.0
    for one in served:
        worst_s = max(worst_s, latest_s - one.key / 1e6)
        latest_s = max(latest_s, one.key / 1e6)
    factor_of_two_s = max(one.expected_tokens for one in queue) * 0.02
    assert worst_s <= (factor_of_two_s if engine == "sglang" else 1.0)


def test_dynamo_is_told_the_length_beside_the_priority():
    body = FIELDS_OF_ENGINE["dynamo"](placed(tokens=123.4)).body
    assert body == {"nvext": {"agent_hints": {"osl": 124, "priority": -int(NOW_S + 2.468)}}}
    assert body["nvext"]["agent_hints"]["priority"] >= -(2**31)


def test_the_callers_own_header_stays_whatever_its_case():
    added = {"X-Vllm-Priority": "9", "x-other": "1"}
    assert with_headers({"x-vllm-priority": "7"}, added) == {"x-vllm-priority": "7", "x-other": "1"}


def test_the_callers_own_fields_stay_and_ours_stand_beside_them():
    own = {"nvext": {"agent_hints": {"priority": 5}, "greed_sampling": True}, "model": "m"}
    ours = {"nvext": {"agent_hints": {"osl": 8, "priority": -1}}}
    merged = with_fields(own, ours)
    assert merged["nvext"] == {"agent_hints": {"priority": 5, "osl": 8}, "greed_sampling": True}
    assert own["nvext"]["agent_hints"] == {"priority": 5}
