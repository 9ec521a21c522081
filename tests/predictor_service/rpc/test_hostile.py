"""Hostile callers, in small; `python -m benchmarks.hostile` does the same a million times."""

import random

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.hostile.attacks import ATTACKS
from benchmarks.hostile.bodies import PATHS
from benchmarks.hostile.http2 import Address
from lengthwise.v1 import length_predictor_pb2 as pb
from tests.predictor_service.waiting import until

FAULTS = {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}
A_FEW_HUNDRED = settings(
    max_examples=200,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
UINT32 = st.one_of(st.integers(0, 40), st.integers(0, 2**32 - 1))
TEXT = st.one_of(
    st.text(max_size=50), st.sampled_from(["", "\x00", " \n", "😀" * 300, "a" * 2_000])
)


@pytest.fixture
async def attacked(serve):
    """A service whose bounds are within reach."""
    return await serve(
        max_prompt_chars=1_000, max_batch_items=8, queue_capacity=200, max_message_bytes=65_536
    )


async def status_of(running, path, data):
    """How a call with some bytes ends: as a unary call, which all methods can be asked by."""
    call = running.channel.unary_unary(path)
    try:
        await call(data, timeout=20)
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


@A_FEW_HUNDRED
@given(path=st.sampled_from(PATHS), data=st.binary(max_size=200))
async def test_random_bytes_are_the_callers_fault_and_never_the_services(attacked, path, data):
    assert await status_of(attacked, path, data) not in FAULTS


def requests():
    return st.builds(
        pb.PredictRequest,
        prompt=TEXT,
        messages=st.lists(st.builds(pb.ChatMessage, role=TEXT, content=TEXT), max_size=3),
        model=TEXT,
        request_id=TEXT,
        max_tokens=st.one_of(st.none(), UINT32),
        neighbour_count=st.one_of(st.none(), UINT32),
        temperature=st.one_of(st.none(), st.floats(width=32)),
    )


@A_FEW_HUNDRED
@given(request=requests())
async def test_extreme_values_are_answered_or_refused_by_name(attacked, request):
    try:
        answer = await attacked.stub.Predict(request)
    except grpc.aio.AioRpcError as error:
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT  # noqa: PT017
        assert error.details()  # noqa: PT017
    else:
        assert list(answer.distribution.tokens) == sorted(answer.distribution.tokens)


@A_FEW_HUNDRED
@given(
    completions=st.lists(
        st.builds(
            pb.Completion,
            prompt=TEXT,
            request_id=TEXT,
            model=TEXT,
            output_tokens=UINT32,
            max_tokens=st.one_of(st.none(), UINT32),
            finish_reason=st.integers(-(2**31), 2**31 - 1),
            temperature=st.one_of(st.none(), st.floats(width=32)),
        ),
        max_size=10,
    )
)
async def test_extreme_reports_are_stored_whole_or_refused(attacked, completions):
    before = attacked.service._completions.reported
    try:
        answer = await attacked.stub.Report(pb.ReportRequest(completions=completions))
    except grpc.aio.AioRpcError as error:
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT  # noqa: PT017
        assert attacked.service._completions.reported == before
    else:
        assert answer.stored + answer.duplicates == len(completions)


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("limits", [{}, {"max_messages_per_s": 1_000, "max_items_per_s": 500}])
async def test_after_an_attack_others_are_served_and_nothing_is_left_over(serve, attack, limits):
    running = await serve(queue_capacity=500, max_batch_items=100, **limits)
    counts = await ATTACKS[attack](Address(running.port), random.Random(1), 120)
    assert counts.sent == 120
    assert counts.unanswered == 0
    await until(lambda: not running.service.calls.under_way and not running.service.batcher.waiting)
    codes = {code for _, code in running.service.calls.ended}
    assert codes.isdisjoint(code.value[0] for code in FAULTS)
    if not limits:
        answer = await running.stub.Predict(pb.PredictRequest(prompt="hello"))
        assert answer.distribution.expected_tokens > 0


def test_the_same_seed_sends_the_same_bytes():
    from benchmarks.hostile.bodies import extreme_body, random_body

    for make in (random_body, extreme_body):
        first, again = ([make(random.Random(7)) for _ in range(20)] for _ in range(2))
        assert first == again
