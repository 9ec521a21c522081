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


@pytest.fixture
def garbage(engine):
    """What comes back is not a little wrong but altogether."""
    codec = engine.worker._codec
    original = codec.decode

    def decode(rows, block_ids, header) -> None:
        original(torch.randint_like(rows, 256), block_ids, header)
        for cache, _ in codec._layers:
            cache[block_ids] = torch.rand_like(cache[block_ids])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codec, "decode", decode)
        yield


def swapped_then_asked_again(engine) -> tuple[list[list[int]], list[list[int]], int]:
    """The true answers, those given alone to who comes after the swapped, and cached tokens used."""
    engine.llm.reset_prefix_cache()
    truth = [engine.answers([request])[0] for request in REQUESTS[:12]]
    engine.llm.reset_prefix_cache()
    with engine.counted() as counts:
        swapped = engine.answers(REQUESTS[:12])
    assert counts["swapped_in"] > 100
    assert swapped != truth
    hits = prefix_hits(engine)
    # What they were answered is asked about: so that blocks of the swapped are found if they can be.
    again = [engine.answers([request])[0] for request in REQUESTS[:12]]
    return truth, again, prefix_hits(engine) - hits


def prefix_hits(engine) -> int:
    metrics = engine.llm.get_metrics()
    return sum(int(m.value) for m in metrics if m.name == "vllm:prefix_cache_hits")


def test_nobody_else_gets_what_was_rounded_out_of_the_prefix_cache(engine, garbage):
    truth, again, hits = swapped_then_asked_again(engine)
    assert again == truth
    assert hits >= 0


def test_without_its_own_salt_others_would_get_it(engine, garbage, monkeypatch):
    monkeypatch.setattr("scheduler_client.vllm_plugin.swap.scheduler_side.isolate", lambda _: None)
    truth, again, _ = swapped_then_asked_again(engine)
    assert again != truth


# Engines of their own come last: there is one at a time in a process.


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
