"""Predictions, and the wire underneath: quantiles, health messages, what protobuf cannot carry."""

import dataclasses

import pytest
from grpc_health.v1 import health_pb2
from hypothesis import given
from hypothesis import strategies as st

from lengthwise.v1 import length_predictor_pb2 as pb
from scheduler_client import (
    IncompatibleServerError,
    InvalidRequestError,
    PredictionQuery,
    ServerOverloadedError,
)
from scheduler_client.errors import error_from_item
from scheduler_client.health import HealthStatus, decode_health_response, encode_health_request
from scheduler_client.request_batch import Chunker
from scheduler_client.wire import decode_prediction, encode_query


def response(levels, tokens, **fields):
    distribution = pb.LengthDistribution(expected_tokens=1, levels=levels, tokens=tokens)
    return pb.PredictResponse(distribution=distribution, **fields)


@pytest.mark.parametrize(
    ("level", "tokens"),
    [(0.5, 100), (0.7, 150), (0.9, 200), (0.1, 50), (0.0, 50), (1.0, 200), (0.3, 75)],
)
def test_a_quantile_is_linear_between_levels_and_flat_beyond_them(level, tokens):
    prediction = decode_prediction(response([0.1, 0.5, 0.9], [50, 100, 200]))
    assert prediction.quantile(level) == pytest.approx(tokens)


@pytest.mark.parametrize("level", [-0.1, 1.1, float("nan")])
def test_a_quantile_level_outside_0_to_1_is_refused(level):
    with pytest.raises(ValueError, match="expected a probability"):
        decode_prediction(response([0.5], [1])).quantile(level)


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=9), st.floats(0, 1), st.floats(0, 1))
def test_quantiles_ascend_with_their_level(tokens, one, other):
    levels = [(n + 1) / (len(tokens) + 1) for n in range(len(tokens))]
    prediction = decode_prediction(response(levels, sorted(tokens)))
    low, high = sorted([one, other])
    assert prediction.quantile(low) <= prediction.quantile(high) * (1 + 1e-9) + 1e-9


def test_levels_come_out_as_the_decimals_that_went_in():
    assert decode_prediction(response([0.1, 0.9], [1, 2])).quantile_levels == (0.1, 0.9)


@pytest.mark.parametrize(("levels", "tokens"), [([], []), ([0.5], []), ([0.5, 0.9], [1])])
def test_a_distribution_without_as_many_tokens_as_levels_is_not_believed(levels, tokens):
    with pytest.raises(IncompatibleServerError, match=f"{len(levels)} quantile levels"):
        decode_prediction(response(levels, tokens))


def test_a_basis_that_is_not_known_counts_as_the_prior():
    assert decode_prediction(response([0.5], [1], basis=7)).basis == "prior"


def test_nouns_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        decode_prediction(response([0.5], [1])).confidence = 1.0


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (PredictionQuery(), "prompt is empty"),
        (PredictionQuery(" \n"), "prompt is empty"),
        (PredictionQuery("a", messages=[("user", "b")]), "both prompt and messages"),
        (PredictionQuery(b"a"), "prompt is of type bytes: expected str"),
        (PredictionQuery("ab\udc80"), r"prompt is not valid Unicode: character 2 .* '\\udc80'"),
        (PredictionQuery("a", model="\udc80"), "model is not valid Unicode"),
        (PredictionQuery("a", max_tokens=0), "max_tokens is 0: expected 1 to 4,294,967,295"),
        (PredictionQuery("a", max_tokens=2**32), "max_tokens is 4294967296"),
        (PredictionQuery("a", max_tokens=1.5), "max_tokens is 1.5: expected an integer"),
        (PredictionQuery("a", temperature=-0.1), "temperature is -0.1: expected 0 to 100"),
        (PredictionQuery("a", temperature=100.5), "temperature is 100.5: expected 0 to 100"),
        (PredictionQuery("a", temperature=float("nan")), "temperature is nan: expected 0 to 100"),
        (PredictionQuery("a", temperature=10**400), "temperature is inf: expected 0 to 100"),
        (PredictionQuery("a", temperature="0"), "temperature is '0': expected a number"),
        (PredictionQuery("a", temperature=True), "temperature is True: expected a number"),
        (PredictionQuery("a", neighbour_count=-1), "neighbour_count is -1: expected 0 to"),
        (PredictionQuery(messages="hello"), "messages is of type str: expected a list"),
        (PredictionQuery(messages=["hello"]), "a message is of type str"),
        (PredictionQuery(messages=[{"content": "x"}]), "a message's role is of type NoneType"),
    ],
)
def test_what_cannot_be_put_on_the_wire_is_refused_with_field_and_value(query, message):
    with pytest.raises(InvalidRequestError, match=message):
        encode_query(query)


@given(st.text(max_size=300))
def test_health_requests_are_written_as_protobuf_writes_them(service):
    assert encode_health_request(service) == (
        health_pb2.HealthCheckRequest(service=service).SerializeToString()
    )


@pytest.mark.parametrize("status", list(HealthStatus))
def test_health_responses_are_read_as_protobuf_writes_them(status):
    message = health_pb2.HealthCheckResponse(status=status.value)
    assert decode_health_response(message.SerializeToString()) is status
    assert bool(status) is (status is HealthStatus.SERVING)


@given(st.binary(max_size=8).filter(lambda data: data != b"\x08\x01"))
def test_nothing_but_serving_reads_as_serving(message):
    assert not decode_health_response(message)


@given(st.lists(st.integers(0, 50)), st.integers(1, 5), st.integers(10, 100))
def test_chunks_keep_every_item_in_order_within_both_limits(sizes, max_items, max_bytes):
    chunker = Chunker(max_items, max_bytes)
    chunks = [chunk for size in sizes for chunk in chunker.add(size, size)] + chunker.rest()

    assert [size for chunk in chunks for size in chunk] == sizes
    assert all(1 <= len(chunk) <= max_items for chunk in chunks)
    assert all(len(chunk) == 1 or sum(chunk) <= max_bytes for chunk in chunks)


def test_an_items_status_becomes_its_error_with_the_services_words():
    error = error_from_item(8, "the queue is full")
    assert isinstance(error, ServerOverloadedError)
    assert str(error) == "the queue is full"


def test_an_item_refused_with_ok_is_a_fault_of_the_service():
    assert isinstance(error_from_item(0, ""), IncompatibleServerError)
