"""The computing threads: micro-batches, failures, deadlines, stopping."""

import asyncio
import math
import time

import pytest

from lengthwise.index.errors import InvalidInputError
from lengthwise.index.estimate.estimate import Query
from predictor_service.batching.batcher import MicroBatcher
from predictor_service.batching.core_probe import measure_cores
from predictor_service.batching.fair_queue import QueueLimits
from predictor_service.batching.job import Answer
from predictor_service.errors import (
    DeadlinePassedError,
    InternalFailureError,
    InvalidRequestError,
    OverloadedError,
)
from tests.predictor_service.fakes import POISON, FakeIndex
from tests.predictor_service.waiting import entered, until


@pytest.fixture
async def index():
    return FakeIndex()


@pytest.fixture
async def make(index):
    made = []

    def build(lanes: int = 1, **limits) -> MicroBatcher:
        made.append(
            MicroBatcher(lambda: index, limits=QueueLimits(**limits), max_wait_s=0.002, lanes=lanes)
        )
        return made[-1]

    yield build
    index.gate.set()
    for batcher in made:
        await batcher.stop()


async def test_callers_who_wait_together_travel_together(index, make):
    batcher = make()
    index.gate.clear()
    first = asyncio.create_task(batcher.predict([Query("first")]))
    await entered(index)
    others = [asyncio.create_task(batcher.predict([Query(f"p{i}")])) for i in range(5)]
    await until(lambda: batcher.waiting == 5)
    index.gate.set()
    await asyncio.gather(first, *others)
    assert index.encoded == [["first"], ["p0", "p1", "p2", "p3", "p4"]]


async def test_answers_say_how_large_their_micro_batch_was_and_which_version_gave_them(index, make):
    (answer, _) = await make().predict([Query("a"), Query("b")])
    assert isinstance(answer, Answer)
    assert (answer.batch.size, answer.batch.version) == (2, "v1")


async def test_identical_prompts_of_a_micro_batch_are_encoded_once(index, make):
    answers = await make().predict(
        [Query("same"), Query("other!"), Query("same", model="m"), Query("same")]
    )
    assert index.encoded == [["same", "other!"]]
    assert [a.estimate.expected_tokens for a in answers] == [40, 60, 40, 40]


async def test_a_queue_that_is_full_refuses_more(index, make):
    batcher = make(capacity=2)
    index.gate.clear()
    running = asyncio.create_task(batcher.predict([Query("running")]))
    await entered(index)
    waiting = asyncio.create_task(batcher.predict([Query("a"), Query("b")]))
    await asyncio.sleep(0)
    with pytest.raises(OverloadedError, match="back off"):
        await batcher.predict([Query("c")])
    index.gate.set()
    await asyncio.gather(running, waiting)


async def test_what_expires_in_the_queue_is_never_encoded(index, make):
    batcher = make()
    index.gate.clear()
    running = asyncio.create_task(batcher.predict([Query("running")]))
    await entered(index)
    late = asyncio.create_task(batcher.predict([Query("late")], deadline_s=time.monotonic()))
    await asyncio.sleep(0)
    index.gate.set()
    (outcome,) = await late
    assert isinstance(outcome, DeadlinePassedError)
    await running
    assert "late" not in index.prompts


async def test_what_its_caller_cancelled_is_never_encoded_and_makes_room_at_once(index, make):
    batcher = make(capacity=1)
    index.gate.clear()
    running = asyncio.create_task(batcher.predict([Query("running")]))
    await entered(index)
    gone = asyncio.create_task(batcher.predict([Query("gone")]))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert batcher.waiting == 0
    index.gate.set()
    await running
    assert index.prompts == ["running"]


async def test_one_bad_prompt_fails_alone(index, make):
    good, bad, also_good = await make().predict([Query("good"), Query(POISON), Query("fine")])
    assert isinstance(good, Answer)
    assert isinstance(also_good, Answer)
    assert isinstance(bad, InternalFailureError)


async def test_an_unforeseen_failure_is_told_by_id_and_never_by_its_text(index, make):
    (bad,) = await make().predict([Query(POISON)])
    assert "under id" in str(bad)
    assert POISON not in str(bad)


async def test_input_that_the_index_refuses_is_the_callers_fault(index, make):
    index.error = InvalidInputError("prompt is not to the encoder's liking")
    (bad,) = await make().predict([Query("a")])
    assert isinstance(bad, InvalidRequestError)


async def test_a_huge_batch_lets_a_lone_call_through(index, make):
    batcher = make(max_batch_size=4)
    index.gate.clear()
    huge = asyncio.create_task(batcher.predict([Query(f"big {i}") for i in range(400)]))
    await entered(index)
    lone = asyncio.create_task(batcher.predict([Query("lone")]))
    await asyncio.sleep(0)
    index.gate.set()
    await lone
    assert next(i for i, batch in enumerate(index.encoded) if "lone" in batch) <= 1
    assert len(await huge) == 400


async def test_stopping_answers_what_is_queued(index, make):
    batcher = make(max_batch_size=2)
    index.gate.clear()
    tasks = [asyncio.create_task(batcher.predict([Query(str(i))])) for i in range(7)]
    await until(lambda: len(index.prompts) + batcher.waiting == 7)
    stopped = asyncio.create_task(batcher.stop())
    index.gate.set()
    await stopped
    assert all(isinstance(outcome, Answer) for (outcome,) in await asyncio.gather(*tasks))


async def test_concurrent_callers_in_a_loop_are_all_answered(index, make):
    batcher = make()

    async def caller(name: int) -> int:
        for i in range(50):
            (outcome,) = await batcher.predict([Query(f"{name}-{i}")])
            assert isinstance(outcome, Answer)
        return 50

    assert sum(await asyncio.gather(*map(caller, range(16)))) == 800


async def test_a_deadline_far_away_changes_nothing(index, make):
    (outcome,) = await make().predict([Query("a")], deadline_s=math.inf)
    assert isinstance(outcome, Answer)


async def test_threads_that_have_nothing_to_do_share_what_waits(index, make):
    batcher = make(lanes=2)
    index.gate.clear()
    batch = asyncio.create_task(batcher.predict([Query(f"p{i}") for i in range(40)]))
    await entered(index)
    await entered(index)
    index.gate.set()
    await batch
    assert [len(prompts) for prompts in index.encoded] == [20, 20]


async def test_a_few_prompts_are_not_divided(index, make):
    await make(lanes=4).predict([Query(f"p{i}") for i in range(6)])
    assert [len(prompts) for prompts in index.encoded] == [6]


async def test_a_prompt_does_not_wait_for_a_micro_batch_in_another_thread(index, make):
    batcher = make(lanes=2)
    index.gate.clear()
    slow = asyncio.create_task(batcher.predict([Query("slow")]))
    await entered(index)
    other = asyncio.create_task(batcher.predict([Query("other")]))
    await entered(index)
    assert sorted(index.prompts) == ["other", "slow"]
    index.gate.set()
    await asyncio.gather(slow, other)


async def test_stopping_waits_for_every_thread(index, make):
    batcher = make(lanes=3, max_batch_size=1)
    index.gate.clear()
    tasks = [asyncio.create_task(batcher.predict([Query(str(i))])) for i in range(5)]
    for _ in range(3):
        await entered(index)
    stopped = asyncio.create_task(batcher.stop())
    await asyncio.sleep(0)
    assert not stopped.done()
    index.gate.set()
    await stopped
    assert all(isinstance(outcome, Answer) for (outcome,) in await asyncio.gather(*tasks))


def choose_all_cores(batcher: MicroBatcher) -> None:
    """As if all cores had been measured to be faster."""
    assert batcher.core_choice is not None
    while batcher.core_choice.chosen is None:
        wide = batcher.core_choice.next()
        batcher.core_choice.took(wide, 0.5 if wide else 1.0)


async def test_only_a_thread_that_is_alone_at_work_uses_all_cores(index):
    widths = []
    batcher = MicroBatcher(
        lambda: index, limits=QueueLimits(), max_wait_s=0.002, lanes=2, widen=widths.append
    )
    choose_all_cores(batcher)
    await batcher.predict([Query("alone")])
    assert widths == [True]
    index.gate.clear()
    await entered(index)
    first = asyncio.create_task(batcher.predict([Query("first")]))
    await entered(index)
    second = asyncio.create_task(batcher.predict([Query("second")]))
    await entered(index)
    index.gate.set()
    await asyncio.gather(first, second)
    assert widths == [True, False]
    await batcher.stop()


async def test_lone_prompts_are_computed_either_way_until_one_is_known_to_be_faster(index):
    widths = []
    batcher = MicroBatcher(
        lambda: index, limits=QueueLimits(), max_wait_s=0.002, lanes=2, widen=widths.append
    )
    await measure_cores(batcher)
    assert widths[0]
    assert False in widths
    assert True in widths[widths.index(False) :], "both ways in turns"
    assert batcher.core_choice is not None
    assert batcher.core_choice.chosen is not None
    assert batcher.meter.queue_s.read().total == 0, "what we ask ourselves counts for nobody"
    await batcher.stop()


async def test_measuring_cores_asks_nothing_where_there_is_one_thread(index, make):
    await measure_cores(make())
    assert index.encoded == []


async def test_a_lone_prompt_finds_a_thread_kept_for_it_beside_bulk(index, make):
    batcher = make(lanes=2)
    await batcher.predict([Query("lone")])
    index.gate.clear()
    await entered(index)
    bulk = asyncio.create_task(batcher.predict([Query(f"b{i}") for i in range(400)]))
    await entered(index)
    await asyncio.sleep(0)
    second = asyncio.create_task(batcher.predict([Query("second")]))
    await entered(index)
    assert index.encoded[-1] == ["second"]
    assert len(index.encoded) == 3, "bulk holds one thread of two"
    index.gate.set()
    await asyncio.gather(bulk, second)


async def test_with_one_thread_bulk_goes_in_small_pieces_after_a_lone_prompt(index, make):
    batcher = make(max_batch_size=128)
    await batcher.predict([Query("lone")])
    await batcher.predict([Query("x" * 1_000) for _ in range(40)])
    assert max(len(batch) for batch in index.encoded[1:]) < 40


async def test_bulk_that_nobody_else_is_beside_goes_in_full_micro_batches(index, make):
    await make(max_batch_size=128).predict([Query(f"{i}") for i in range(128)])
    assert [len(batch) for batch in index.encoded] == [128]


async def test_bulk_goes_on_while_lone_prompts_never_end(index, make):
    batcher = make()
    answered = 0

    async def caller(name: int) -> None:
        nonlocal answered
        while not bulk.done():
            await batcher.predict([Query(f"{name}-{answered}")])
            answered += 1

    bulk = asyncio.create_task(batcher.predict([Query(f"b{i}") for i in range(100)]))
    await asyncio.gather(*map(caller, range(8)), bulk)
    assert answered > 0
