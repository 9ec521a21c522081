"""What cannot be swapped is computed again, and the log says once why."""

import logging

import pytest
import torch

from scheduler_client.vllm_plugin.swap.connector import SwapConnector
from tests.vllm.swap.small_engine import FEW, small_engine, transfer_config


@pytest.fixture
def lines():
    """What Lengthwise logs."""
    said: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record) -> None:
            said.append(record.getMessage())

    logger, listener = logging.getLogger("vllm.lengthwise"), Listener()
    logger.addHandler(listener)
    yield said
    logger.removeHandler(listener)


@pytest.fixture
def expected(recomputed):
    return recomputed[: len(FEW)]


@pytest.mark.parametrize(
    ("transfer", "why"),
    [
        (transfer_config(host_gib=1e5), "bytes of the host's memory were asked for"),
        (transfer_config(host_gib=1e-5), "that holds no block of"),
        (transfer_config() | {"kv_connector_extra_config": {}}, "GIB is not set"),
    ],
    ids=["refused", "too little", "not asked for"],
)
def test_without_memory_for_it_an_engine_computes_again(model, expected, lines, transfer, why):
    with small_engine(model, transfer) as engine:
        with engine.counted() as counts:
            assert engine.answers(FEW) == expected
        assert not engine.swap.is_on
    assert counts["preemptions"] > 2
    assert [why in line for line in lines] == [True]


@pytest.mark.skipif(
    not torch.cpu._is_avx512_supported(), reason="vLLM needs AVX-512 for a cache of FP8"
)
def test_a_cache_of_unknown_dtype_is_not_rounded(model, lines):
    with small_engine(model, transfer_config(bits=8), kv_cache_dtype="fp8") as engine:
        answers = engine.answers(FEW)
    assert [len(answer) for answer in answers] == [tokens for _, tokens in FEW]
    assert ["which is not rounded: set LENGTHWISE_SWAP_BITS=16" in line for line in lines] == [True]


def test_a_cache_of_unknown_shape_is_not_copied(model, expected, lines, monkeypatch):
    register = SwapConnector.register_kv_caches

    def of_five_axes(self, kv_caches) -> None:
        register(self, {name: cache.unsqueeze(1) for name, cache in kv_caches.items()})

    monkeypatch.setattr(SwapConnector, "register_kv_caches", of_five_axes)
    with small_engine(model, transfer_config()) as engine:
        assert engine.answers(FEW) == expected
        assert not engine.swap.is_on
    assert ["has a cache of shape" in line for line in lines] == [True]


def test_a_fault_beside_the_scheduler_is_the_end_of_swapping_alone(model, expected, lines):
    with small_engine(model, transfer_config()) as engine:
        lines.clear()
        for number, (prompt, tokens) in enumerate(FEW):
            engine.add(str(number), prompt, tokens)
        ended = engine.step_until(lambda: len(list(engine.swap.held)) >= 1)
        engine.swap._running = None  # whatever is done with it raises
        ended += engine.finish()
        assert not engine.swap.is_on
    assert [dict(ended)[str(number)] for number in range(len(FEW))] == expected
    assert len(lines) == 1


def test_with_little_memory_some_are_evicted_and_answers_stay_the_same(model, expected):
    with small_engine(model, transfer_config(host_gib=0.0015)) as engine:
        with engine.counted() as counts:
            assert engine.answers(FEW) == expected
        assert engine.is_empty()
    assert counts["evicted"] > 0
    assert counts["swapped_in"] > 0
    assert counts["recomputed"] > 0
