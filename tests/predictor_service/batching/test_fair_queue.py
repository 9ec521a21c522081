"""Who is next: shares, order, bounds, deadlines."""

import pytest

from lengthwise.index.estimate.estimate import Query
from predictor_service.batching.fair_queue import FairQueue, Job, QueueLimits
from predictor_service.errors import DeadlinePassedError, OverloadedError


def job(*prompts: str, deadline_s: float = float("inf")) -> Job:
    return Job(
        [Query(prompt) for prompt in prompts],
        arrived_s=0.0,
        deadline_s=deadline_s,
        on_done=lambda _: None,
    )


def prompts(taken) -> list[str]:
    return [place.query.prompt for place in taken.places]


def test_single_prompts_go_first_come_first_served():
    queue = FairQueue(QueueLimits(max_batch_size=2))
    for name in ("a", "b", "c"):
        queue.put(job(name))
    assert prompts(queue.take(0)) == ["a", "b"]
    assert prompts(queue.take(0)) == ["c"]
    assert queue.waiting == 0


def test_a_lone_call_rides_in_the_next_micro_batch_of_a_huge_one():
    queue = FairQueue(QueueLimits(max_batch_size=8))
    queue.put(job(*[f"big{i:04}" for i in range(4_000)]))
    assert len(prompts(queue.take(0))) == 8
    queue.put(job("lone"))
    second = prompts(queue.take(0))
    assert "lone" in second
    assert len(second) == 8, "the rest of the micro-batch is not wasted"


def test_waiting_jobs_share_a_micro_batch_equally():
    queue = FairQueue(QueueLimits(max_batch_size=9))
    for name in ("a", "b", "c"):
        queue.put(job(*[f"{name}{i}" for i in range(10)]))
    first = prompts(queue.take(0))
    assert [sum(p[0] == name for p in first) for name in "abc"] == [3, 3, 3]


def test_a_large_job_is_cut_into_micro_batches_of_like_length():
    queue = FairQueue(QueueLimits(max_batch_size=2))
    queue.put(job("aaaa", "b", "ccc", "dd"))
    assert prompts(queue.take(0)) == ["b", "dd"]
    assert prompts(queue.take(0)) == ["ccc", "aaaa"]


def test_outcomes_of_a_sorted_job_stay_in_the_order_asked():
    queue = FairQueue(QueueLimits(max_batch_size=1))
    sorted_job = job("long prompt", "short")
    queue.put(sorted_job)
    for _ in range(2):
        (place,) = queue.take(0).places
        place.job.answer(place.number, place.query.prompt)
    assert sorted_job.outcomes == ["long prompt", "short"]


def test_long_prompts_make_smaller_micro_batches():
    queue = FairQueue(QueueLimits(max_batch_size=32, max_batch_chars=2_000))
    queue.put(job(*["x" * 700] * 6))
    assert [len(prompts(queue.take(0))) for _ in range(2)] == [3, 3]


def test_a_prompt_larger_than_the_bound_still_goes_alone():
    queue = FairQueue(QueueLimits(max_batch_chars=10))
    queue.put(job("x" * 5_000, "y"))
    assert len(prompts(queue.take(0))) == 1


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
    taken = queue.take(5.0)
    assert prompts(taken) == ["in time"]
    assert taken.expired == [late]
    assert all(isinstance(outcome, DeadlinePassedError) for outcome in late.outcomes)


def test_a_discarded_job_makes_room_at_once_and_is_never_taken():
    queue = FairQueue(QueueLimits(capacity=1))
    gone = job("gone")
    queue.put(gone)
    queue.discard(gone)
    queue.put(job("next"))
    assert prompts(queue.take(0)) == ["next"]
