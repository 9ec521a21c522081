"""Who is next: shares, order, bounds, deadlines."""

import pytest

from lengthwise.index.estimate.estimate import Query
from predictor_service.batching.fair_queue import FairQueue, QueueLimits
from predictor_service.batching.job import Job
from predictor_service.batching.work_model import cost_chars
from predictor_service.errors import DeadlinePassedError, OverloadedError


def job(*prompts: str, deadline_s: float = float("inf")) -> Job:
    return Job(
        [Query(prompt) for prompt in prompts],
        arrived_s=0.0,
        deadline_s=deadline_s,
        on_done=lambda _: None,
    )


def prompts(taken) -> list[str]:
    return [slot.query.prompt for slot in taken.slots]


def take(queue: FairQueue, now_s: float):
    """The next micro-batch of whichever kind there is; tests of both kinds name theirs."""
    return queue.take_lone(now_s) if queue.lone_waiting else queue.take_bulk(now_s)


def test_single_prompts_go_first_come_first_served():
    queue = FairQueue(QueueLimits(max_batch_size=2))
    for name in ("a", "b", "c"):
        queue.put(job(name))
    assert prompts(take(queue, 0)) == ["a", "b"]
    assert prompts(take(queue, 0)) == ["c"]
    assert queue.waiting == 0


def test_a_lone_call_does_not_wait_behind_a_huge_one():
    queue = FairQueue(QueueLimits(max_batch_size=8))
    queue.put(job(*[f"big{i:04}" for i in range(4_000)]))
    assert len(prompts(queue.take_bulk(0))) == 8
    queue.put(job("lone"))
    assert (queue.lone_waiting, queue.bulk_waiting) == (1, 3_992)
    assert prompts(queue.take_lone(0)) == ["lone"]
    assert len(prompts(queue.take_bulk(0))) == 8


def test_what_belongs_to_bulk_is_bulk_however_small():
    queue = FairQueue(QueueLimits())
    queue.put(
        Job(
            [Query("of a stream")],
            arrived_s=0.0,
            on_done=lambda _: None,
            of_bulk=True,
        )
    )
    assert not queue.take_lone(0).slots
    assert prompts(queue.take_bulk(0)) == ["of a stream"]


def test_a_few_short_prompts_are_a_lone_call_and_a_few_long_ones_are_bulk():
    assert job(*["short"] * 8).is_lone
    assert job("x" * 100_000).is_lone
    assert not job(*["short"] * 9).is_lone
    assert not job(*["x" * 1_000] * 3).is_lone


def test_a_piece_of_bulk_stays_within_its_work_but_for_its_first_prompt():
    queue = FairQueue(QueueLimits())
    queue.put(job(*["x" * 400] * 20))
    work = cost_chars(Query("x" * 400))
    assert len(prompts(queue.take_bulk(0, work_chars=3 * work + 1))) == 3
    assert len(prompts(queue.take_bulk(0, work_chars=0))) == 1
    assert len(prompts(queue.take_bulk(0))) == 16


def test_pieces_of_bulk_go_round_the_jobs():
    queue = FairQueue(QueueLimits())
    for name in ("a", "b"):
        queue.put(job(*[name * 100 for _ in range(20)]))
    work = 2 * cost_chars(Query("x" * 100))
    taken = [prompts(queue.take_bulk(0, work_chars=work))[0][0] for _ in range(4)]
    assert taken == ["a", "b", "a", "b"]


def test_waiting_jobs_share_a_micro_batch_equally():
    queue = FairQueue(QueueLimits(max_batch_size=9))
    for name in ("a", "b", "c"):
        queue.put(job(*[f"{name}{i}" for i in range(10)]))
    first = prompts(take(queue, 0))
    assert [sum(p[0] == name for p in first) for name in "abc"] == [3, 3, 3]


def test_a_large_job_is_cut_into_micro_batches_of_like_length():
    queue = FairQueue(QueueLimits(max_batch_size=2))
    queue.put(job("aaaa", "b", "ccc", "dd"))
    assert prompts(take(queue, 0)) == ["b", "dd"]
    assert prompts(take(queue, 0)) == ["ccc", "aaaa"]


def test_outcomes_of_a_sorted_job_stay_in_the_order_asked():
    queue = FairQueue(QueueLimits(max_batch_size=1))
    sorted_job = job("long prompt", "short")
    queue.put(sorted_job)
    for _ in range(2):
        (slot,) = take(queue, 0).slots
        slot.job.answer(slot.number, slot.query.prompt)
    assert sorted_job.outcomes == ["long prompt", "short"]


def test_long_prompts_make_smaller_micro_batches():
    queue = FairQueue(QueueLimits(max_batch_size=32, max_batch_chars=2_000))
    queue.put(job(*["x" * 700] * 6))
    assert [len(prompts(take(queue, 0))) for _ in range(2)] == [3, 3]


def test_a_prompt_larger_than_the_bound_still_goes_alone():
    queue = FairQueue(QueueLimits(max_batch_chars=10))
    queue.put(job("x" * 5_000, "y"))
    assert len(prompts(take(queue, 0))) == 1


def test_a_job_beyond_the_capacity_is_refused_whole():
    queue = FairQueue(QueueLimits(capacity=3))
    queue.put(job("a", "b"))
    with pytest.raises(OverloadedError, match=r"2 prompts wait, 2 more exceed its capacity of 3"):
        queue.put(job("c", "d"))
    assert queue.waiting == 2


def test_characters_are_bounded_as_well():
    queue = FairQueue(QueueLimits(capacity_chars=10))
    queue.put(job("x" * 8))
    with pytest.raises(OverloadedError, match="characters wait"):
        queue.put(job("yyy"))


def test_a_job_past_its_deadline_is_dropped_and_said_to_be():
    queue = FairQueue(QueueLimits())
    late = job("late", "later", deadline_s=5.0)
    queue.put(late)
    queue.put(job("in time", deadline_s=6.0))
    taken = take(queue, 5.0)
    assert prompts(taken) == ["in time"]
    assert taken.expired == [late]
    assert all(isinstance(outcome, DeadlinePassedError) for outcome in late.outcomes)


def test_a_discarded_job_makes_room_at_once_and_is_never_taken():
    queue = FairQueue(QueueLimits(capacity=1))
    gone = job("gone")
    queue.put(gone)
    queue.discard(gone)
    queue.put(job("next"))
    assert prompts(take(queue, 0)) == ["next"]
