"""What conditions a length: one noun, which whatever tells of a request carries whole."""

import math

import pytest

from lengthwise.index.estimate.estimate import Query
from lengthwise.index.record import HistoryRecord
from lengthwise.request import (
    CONDITION_NAMES,
    MAX_OUTPUT_TOKENS,
    CompletedRequest,
    PredictionQuery,
    QueryOptions,
    SamplingConditions,
    SamplingOptions,
    as_query,
    known_temperature,
)
from lengthwise.v1 import length_predictor_pb2 as pb
from scheduler_client.wire import encode_completion, encode_query

CARRIERS = {
    PredictionQuery: {},
    Query: {},
    CompletedRequest: {"request_id": "id", "output_tokens": 1},
    HistoryRecord: {"output_tokens": 1},
}
"""Whatever carries conditions, with what else it must be given."""

EVERY_CONDITION = SamplingConditions(max_tokens=7, temperature=0.0)


@pytest.mark.parametrize("value", [0, 0.0, 0.7, 1, 100])
def test_a_number_in_range_is_a_known_temperature(value):
    assert known_temperature(value) == value


@pytest.mark.parametrize("value", [None, True, "0", -0.1, 100.5, math.nan, math.inf, 10**400, [0]])
def test_anything_else_is_an_unknown_temperature(value):
    assert known_temperature(value) is None


def test_the_options_of_a_call_are_the_fields_of_the_noun():
    assert set(CONDITION_NAMES) == set(SamplingOptions.__annotations__)
    assert set(CONDITION_NAMES) <= set(QueryOptions.__annotations__)


def test_every_condition_is_set_here_so_that_a_new_one_is_not_forgotten():
    assert all(value is not None for value in EVERY_CONDITION.sampling_options().values())


@pytest.mark.parametrize("noun", CARRIERS)
def test_conditions_pass_whole_from_one_noun_to_another(noun):
    before = as_query("p", **EVERY_CONDITION.sampling_options())
    after = noun(prompt="p", **CARRIERS[noun], **before.sampling_options())
    assert after.sampling_options() == EVERY_CONDITION.sampling_options()


@pytest.mark.parametrize(
    ("message", "encode", "noun"),
    [
        (
            pb.PredictRequest,
            encode_query,
            PredictionQuery("p", **EVERY_CONDITION.sampling_options()),
        ),
        (
            pb.Completion,
            encode_completion,
            CompletedRequest("id", 1, "p", **EVERY_CONDITION.sampling_options()),
        ),
    ],
)
def test_every_condition_goes_over_the_wire_under_its_name(message, encode, noun):
    fields = [field for field in message.DESCRIPTOR.fields_by_name if field in CONDITION_NAMES]
    assert sorted(fields) == sorted(CONDITION_NAMES)
    assert all(encode(noun).HasField(name) for name in CONDITION_NAMES)


@pytest.mark.parametrize(
    ("conditions", "fault"),
    [
        (SamplingConditions(), ""),
        (EVERY_CONDITION, ""),
        (SamplingConditions(max_tokens=MAX_OUTPUT_TOKENS, temperature=100.0), ""),
        (SamplingConditions(max_tokens=0), "max_tokens is 0: expected 1 to 10,000,000"),
        (SamplingConditions(temperature=100.5), "temperature is 100.5: expected 0 to 100"),
        (SamplingConditions(temperature=math.nan), "temperature is nan: expected 0 to 100"),
    ],
)
def test_a_condition_out_of_range_is_named_with_its_value_and_range(conditions, fault):
    assert conditions.out_of_range() == fault
