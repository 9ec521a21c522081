"""Where memory is short and slots are not, a long request makes room for a short one.

The plugin's own preemption, beside the swapping of what it preempts, in a real engine.
"""

import pytest

from scheduler_client.vllm_plugin.preemption.device_blocks import (
    counts_blocks,
    freed_blocks,
    lacking_blocks,
)
from scheduler_client.vllm_plugin.waiting_queues import reorder
from tests.vllm.swap.small_engine import BLOCK_TOKENS, BLOCKS, small_engine, transfer_config
from tests.wait_until import wait_until

LONG = ("extraordinarily intercontinental communication " * 9, 150)
"""Predicted by its number of characters: to run for much longer than the short one."""

SHORT = ("!" * 36, 8)
"""Each character is a token: two blocks before its first token."""

USABLE = 7
"""Blocks: the long one leaves one free in the end."""


@pytest.fixture(scope="module")
def expected(model):
    with small_engine(model, None) as engine:
        return dict(zip(["long", "short"], engine.answers([LONG, SHORT]), strict=True))


@pytest.fixture(scope="module", params=[False, True], ids=["step by step", "asynchronous"])
def engine(model, predictor, expected, request):
    """With the scheduler class that people name, its preemption on."""
    name = "LengthwiseAsyncScheduler" if request.param else "LengthwiseScheduler"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LENGTHWISE_TARGET", predictor.target)
        patch.setenv("LENGTHWISE_RULE", "shortest")
        with small_engine(
            model,
            transfer_config(),
            asynchronous=request.param,
            scheduling_policy="priority",
            scheduler_cls=f"scheduler_client.vllm_plugin.scheduler.{name}",
            max_model_len=USABLE * BLOCK_TOKENS,
            num_gpu_blocks_override=USABLE + 1,
        ) as running:
            yield running


def settle(engine) -> None:
    """Wait until every length is predicted, without a step."""
    order = engine.core.scheduler.lengthwise

    def known() -> bool:
        order._see_first_tokens()
        order._see_who_waits()
        order._tell_some()
        order._sidecar.flush()
        order._take_in()
        return all(tracked.settled for tracked in order._tracked.values())

    wait_until(known, "the predictions")
    reorder(engine.core.scheduler, unique=True)


def free(engine) -> int:
    return engine.core.scheduler.kv_cache_manager.block_pool.get_num_free_blocks()


def start_long(engine) -> None:
    """One that runs and is known to be long, until it has left one block free."""
    engine.add("long", *LONG)
    engine.step_until(lambda: engine.core.scheduler.running)
    engine.step_until(lambda: engine.core.scheduler.running[0].num_output_tokens)
    settle(engine)
    engine.step_until(lambda: free(engine) == 1)


def run(engine) -> list[tuple[str, list[int]]]:
    """A long request that fills the memory, then a short one."""
    start_long(engine)
    engine.add("short", *SHORT)
    settle(engine)
    return engine.finish()


def test_a_short_one_is_served_first_and_all_answers_stay_the_same(engine, expected):
    with engine.counted() as counts:
        ended = run(engine)
    assert [name for name, _ in ended] == ["short", "long"]
    assert dict(ended) == expected
    assert counts["preemptions"] == 1
    assert counts["swapped_out"] == counts["swapped_in"] > 0
    assert counts["recomputed"] == 0


def test_one_that_is_not_much_shorter_waits_for_memory(engine, expected):
    start_long(engine)
    with engine.counted() as counts:
        engine.add("another", *LONG)
        settle(engine)
        ended = engine.finish()
    assert [name for name, _ in ended] == ["long", "another"]
    assert [answer for _, answer in ended] == [expected["long"]] * 2
    assert counts["preemptions"] == 0


def test_while_there_is_memory_for_it_nobody_makes_room(engine):
    with engine.counted() as counts:
        engine.add("long", *LONG)
        engine.step_until(lambda: engine.core.scheduler.running)
        engine.step_until(lambda: engine.core.scheduler.running[0].num_output_tokens)
        settle(engine)
        engine.add("short", *SHORT)
        engine.finish()
    assert counts["preemptions"] == 0


def test_with_the_role_of_a_consumer_nobody_could_be_taken_off(engine, monkeypatch):
    """Why the connector takes another role than people copy from elsewhere."""
    if engine.core.batch_queue is None:
        pytest.skip("step by step no step is under way when the next is made")
    scheduler = engine.core.scheduler
    monkeypatch.setattr(scheduler, "defer_block_free", True)  # what kv_both sets
    assert [name for name, _ in run(engine)] == ["long", "short"]


# Engines of their own come last: there is one at a time in a process.


def test_blocks_that_one_holds_or_lacks_are_counted_without_those_that_are_shared(model):
    options = {"enable_prefix_caching": True, "max_num_seqs": 1}
    with small_engine(model, transfer_config(), **options) as engine:
        scheduler = engine.core.scheduler
        assert counts_blocks(scheduler)
        engine.add("first", *LONG)
        engine.step_until(lambda: scheduler.running)
        (first,) = scheduler.running
        held = freed_blocks(scheduler.kv_cache_manager, first.request_id)
        assert held == BLOCKS - 1 - free(engine) == 2
        engine.add("same prompt", *LONG)
        engine.add("another", "what is this?" + LONG[0], 150)
        same, another = scheduler.waiting
        assert lacking_blocks(scheduler, same) == 1 - free(engine)
        assert lacking_blocks(scheduler, another) == 2 - free(engine)
        engine.finish()
