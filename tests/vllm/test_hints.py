"""The way of a prediction into the scheduler's process."""

import msgspec
import pytest

from lengthwise.scheduling.service_time import ServiceTimeModel
from scheduler_client.vllm_plugin.hints import HINT, Hint, decode_hint, encode_hint, wants_hints
from tests.vllm.fakes import DISTRIBUTION

SPEED = ServiceTimeModel(0.001, 0.02, 0.0)
RATES = [0.001, 0.02, 0.0]


@pytest.mark.parametrize("hint", [Hint(20.0, DISTRIBUTION, SPEED), Hint(105.0, None, SPEED)])
def test_a_hint_survives_the_way_between_processes(hint):
    sent = msgspec.msgpack.encode({HINT: encode_hint(hint)})
    assert decode_hint(msgspec.msgpack.decode(sent)) == hint


@pytest.mark.parametrize(
    "extra_args",
    [
        None,
        {},
        {HINT: 5},
        {HINT: {}},
        {HINT: {"expected": "many"}},
        {HINT: {"expected": float("nan")}},
        {HINT: {"expected": -1}},
        {HINT: {"expected": 5}},
        {HINT: {"expected": 5, "rates": [-1, 0, 0]}},
        {HINT: {"expected": 5, "rates": [1, 2, 3, 4]}},
        {HINT: {"expected": 5, "rates": RATES, "levels": [0, 1]}},
        {HINT: {"expected": 5, "rates": RATES, "levels": [0, 2], "tokens": [1, 2]}},
        {HINT: {"expected": 5, "rates": RATES, "levels": 7, "tokens": [1, 2]}},
    ],
)
def test_what_a_client_makes_up_is_no_hint(extra_args):
    assert decode_hint(extra_args) is None


def test_only_our_scheduler_classes_want_hints():
    ours = "scheduler_client.vllm_plugin.scheduler."
    assert wants_hints(ours + "LengthwiseScheduler")
    assert wants_hints(ours + "LengthwiseAsyncScheduler")
    assert not wants_hints(None)
    assert not wants_hints("somebody.Scheduler")
    assert not wants_hints(dict)
