"""Eight bits in a real engine: what is rounded stays with the request that it belongs to."""

import pytest
import torch

from tests.vllm.swap.small_engine import requests, small_engine, transfer_config

REQUESTS = requests(40)


@pytest.fixture(scope="module")
def engine(model):
    with small_engine(model, transfer_config(bits=8), enable_prefix_caching=True) as running:
        yield running


def test_requests_come_back_and_nothing_is_computed_again(engine):
    with engine.counted() as counts:
        answers = engine.answers(REQUESTS)
    assert [len(answer) for answer in answers] == [tokens for _, tokens in REQUESTS]
    assert counts["swapped_in"] > 500
    assert engine.is_empty()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_what_comes_back_is_as_near_as_a_step_of_256(model, dtype):
    with small_engine(model, transfer_config(bits=8), dtype=dtype) as engine:
        codec = engine.worker._codec
        caches = [cache for cache, _ in codec._layers]
        engine.answers(requests(1, tokens=200))  # fills the first blocks
        ids = torch.arange(1, 5)
        before = [cache[ids].clone() for cache in caches]
        header = codec.header(ids, 4 * 32)
        rows = codec.encode(ids, header)
        assert rows.shape == (4, codec.slot_bytes)
        assert codec.slot_bytes < 0.55 * sum(cache[0].numel() * 2 for cache in caches)
        codec.decode(rows, ids + 4, header)
        for cache, (low, step), exact in zip(caches, codec._scales(header), before, strict=True):
            error = (cache[ids + 4].float() - exact.float()).abs().max()
            spread = exact.float().max() - exact.float().min()
            assert 0 < error < spread / 200
