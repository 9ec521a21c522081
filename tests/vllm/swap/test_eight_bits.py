"""Eight bits in a real engine: what is rounded stays with the request that it belongs to."""

import pytest
import torch

from tests.vllm.swap.small_engine import REQUESTS, greedy, requests, small_engine, transfer_config

LONG = requests(5, tokens=90)


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

    def decode(rows, block_ids) -> None:
        original(rows, block_ids)
        for cache, _ in codec._layers:
            cache[block_ids] = torch.rand_like(cache[block_ids])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codec, "decode", decode)
        yield


def asked_after_the_swapped(engine) -> tuple[list[int], list[int], int]:
    """What somebody gets who asks what the last of the swapped asked and was answered.

    Returns:
        The answer, the true one, and how many tokens of the question were found in the cache.
    """
    engine.llm.reset_prefix_cache()
    for number, (prompt, tokens) in enumerate(LONG):
        engine.add(str(number), prompt, tokens)
    with engine.counted() as counts:
        *_, (last, answer) = engine.finish()
    assert counts["swapped_in"] > 50
    question = engine.llm.get_tokenizer().encode(LONG[int(last)][0]) + answer
    cached = engine.total("vllm:prefix_cache_hits")
    ((_, got),) = ask(engine, question)
    cached = engine.total("vllm:prefix_cache_hits") - cached
    engine.llm.reset_prefix_cache()
    ((_, truth),) = ask(engine, question)
    return got, truth, cached


def ask(engine, question: list[int]) -> list[tuple[str, list[int]]]:
    engine.llm.llm_engine.add_request("later", {"prompt_token_ids": question}, greedy(20))
    return engine.finish()


def test_nobody_else_gets_what_was_rounded_out_of_the_prefix_cache(engine, garbage):
    got, truth, cached = asked_after_the_swapped(engine)
    assert got == truth
    assert cached == 0


def test_without_its_own_salt_others_would_get_it(engine, garbage, monkeypatch):
    monkeypatch.setattr("scheduler_client.vllm_plugin.swap.scheduler_side.isolate", lambda _: None)
    got, truth, cached = asked_after_the_swapped(engine)
    assert got != truth
    assert cached > 0


# Engines of their own come last: there is one at a time in a process.


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_what_comes_back_is_as_near_as_a_step_of_256(model, dtype):
    with small_engine(model, transfer_config(bits=8), dtype=dtype) as engine:
        codec = engine.worker._codec
        caches = [cache for cache, _ in codec._layers]
        engine.answers(requests(1, tokens=200))  # fills the first blocks
        ids = torch.arange(1, 5)
        before = [cache[ids].clone() for cache in caches]
        rows = codec.encode(ids, 4 * 32)
        assert rows.shape == (4, codec.slot_bytes)
        assert codec.slot_bytes < 0.55 * sum(cache[0].numel() * 2 for cache in caches)
        codec.decode(rows, ids + 4)
        for cache, exact in zip(caches, before, strict=True):
            error = (cache[ids + 4].float() - exact.float()).abs().max()
            spread = exact.float().max() - exact.float().min()
            assert 0 < error < spread / 200
