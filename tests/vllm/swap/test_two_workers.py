"""Two tensor-parallel workers: each swaps its share of every request."""

import pytest

from tests.vllm.swap.small_engine import FEW, small_engine, transfer_config


@pytest.mark.parametrize("bits", [16, 8])
def test_each_worker_keeps_its_heads_and_nothing_is_computed_again(
    model, recomputed, monkeypatch, bits
):
    # vLLM binds each worker to a memory node of its own, of which few machines have two.
    monkeypatch.setenv("VLLM_CPU_OMP_THREADS_BIND", "0|1")
    transfer = transfer_config(bits=bits)
    with small_engine(model, transfer, tensor_parallel_size=2) as engine:
        with engine.counted() as counts:
            answers = engine.answers(FEW)
        assert engine.is_empty()
    assert counts["swapped_in"] == counts["swapped_out"] > 0
    assert counts["recomputed"] == 0
    assert bits == 8 or answers == recomputed[: len(FEW)]
