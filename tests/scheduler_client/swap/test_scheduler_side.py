"""Who is kept in the host's memory, and how it comes back."""

import pytest

from scheduler_client.vllm_plugin.swap.orders import Load, Store, WorkerMemory, joined_memory
from tests.scheduler_client.swap.steps import FakeRequest, begin, step, swapping


def test_a_preempted_request_is_copied_out_with_its_last_partial_block():
    scheduler = swapping(slots=8)
    begin(scheduler, FakeRequest("a", 40))
    (store,) = scheduler.stores(step(preempted=["a"]))
    assert store == Store("a", 1, [0, 1, 2], 39, [0, 1, 2])
    assert scheduler.take_counts() == {"swapped_out": 39}


def test_blocks_that_came_while_it_ran_are_copied_too():
    scheduler = swapping(slots=8)
    begin(scheduler, FakeRequest("a", 16))
    scheduler.stores(step(running=[("a", [7], 15)]))
    scheduler.stores(step(running=[("a", [], 16)]))
    (store,) = scheduler.stores(step(preempted=["a"]))
    assert (store.block_ids, store.tokens) == ([0, 7], 17)


def test_it_comes_back_whole_and_its_slots_are_free_when_it_has():
    scheduler, request = swapping(slots=8), FakeRequest("a", 40)
    begin(scheduler, request)
    scheduler.stores(step(preempted=["a"]))
    assert scheduler.matched_tokens(request, 0) == 39
    scheduler.bring_back(request, [20, 21, 22], 39)
    assert scheduler.take_loads() == [Load("a", 1, [20, 21, 22], 0, [0, 1, 2])]
    assert scheduler.matched_tokens(request, 0) == 0
    assert scheduler.held.free == 5
    scheduler.brought_back({"a"}, set())
    assert scheduler.held.free == 8
    scheduler.stores(step(resumed=[("a", [20, 21, 22], 39)]))
    assert scheduler.take_counts() == {"swapped_out": 39, "swapped_in": 39}


def test_what_the_prefix_cache_still_has_is_not_copied_back():
    scheduler, request = swapping(slots=8), FakeRequest("a", 40)
    begin(scheduler, request)
    scheduler.stores(step(preempted=["a"]))
    assert scheduler.matched_tokens(request, 32) == 7
    scheduler.bring_back(request, [0, 1, 22], 7)
    assert scheduler.take_loads() == [Load("a", 1, [22], 2, [0, 1, 2])]


def test_where_the_prefix_cache_has_all_nothing_is_copied_back():
    scheduler, request = swapping(slots=8), FakeRequest("a", 33)
    begin(scheduler, request)
    scheduler.stores(step(preempted=["a"]))
    assert scheduler.matched_tokens(request, 32) == 0
    scheduler.bring_back(request, [0, 1, 2], 0)
    assert scheduler.held.free == 8
    assert not scheduler.take_loads()


def test_a_token_that_was_in_flight_at_the_preemption_counts_once_it_is_there():
    scheduler, request = swapping(slots=8), FakeRequest("a", 40)
    begin(scheduler, request)
    scheduler.stores(step(running=[("a", [], 39)]))  # its output is not there yet
    scheduler.stores(step(preempted=["a"]))
    assert scheduler.matched_tokens(request, 0) == 39
    request.num_tokens = 41
    assert scheduler.matched_tokens(request, 0) == 40


def test_a_copy_in_that_failed_is_computed_again_and_counted():
    scheduler, request = swapping(slots=8), FakeRequest("a", 40)
    begin(scheduler, request)
    scheduler.stores(step(preempted=["a"]))
    scheduler.bring_back(request, [20, 21, 22], 39)
    scheduler.brought_back({"a"}, {"a"})
    assert scheduler.matched_tokens(request, 0) == 0
    scheduler.stores(step(resumed=[("a", [20, 21, 22], 0)]))
    assert scheduler.take_counts() == {"swapped_out": 39, "recomputed": 39}


def test_a_copy_out_that_failed_is_forgotten_but_not_a_later_one_of_the_same_request():
    scheduler, request = swapping(slots=8), FakeRequest("a", 40)
    begin(scheduler, request)
    scheduler.stores(step(preempted=["a"]))
    scheduler.not_stored({"a": 1})
    assert scheduler.matched_tokens(request, 0) == 0
    scheduler.stores(step(resumed=[("a", [5, 6, 7], 38)]))
    (again,) = scheduler.stores(step(preempted=["a"]))
    scheduler.not_stored({"a": again.ticket - 1})
    assert scheduler.matched_tokens(request, 0) == 39


def test_without_room_whoever_is_last_in_the_queue_is_given_up():
    scheduler = swapping(slots=6)
    first, second = FakeRequest("first", 48, priority=1), FakeRequest("second", 48, priority=2)
    third = FakeRequest("third", 48, priority=0)
    begin(scheduler, first, second, third)
    assert len(scheduler.stores(step(preempted=["first", "second"]))) == 2
    (store,) = scheduler.stores(step(preempted=["third"]))
    assert (store.request_id, store.slots) == ("third", [3, 4, 5])
    assert [held.request_id for held in scheduler.held] == ["first", "third"]
    assert scheduler.take_counts()["evicted"] == 47


def test_a_newcomer_that_is_last_itself_is_not_copied_out():
    scheduler = swapping(slots=3)
    begin(scheduler, FakeRequest("first", 48, priority=1), FakeRequest("last", 48, priority=2))
    assert len(scheduler.stores(step(preempted=["first"]))) == 1
    assert not scheduler.stores(step(preempted=["last"]))
    assert [held.request_id for held in scheduler.held] == ["first"]


def test_one_on_its_way_back_is_not_given_up():
    scheduler, back = swapping(slots=3), FakeRequest("back", 48, priority=2)
    begin(scheduler, back, FakeRequest("other", 48, priority=1))
    scheduler.stores(step(preempted=["back"]))
    scheduler.bring_back(back, [1, 2, 3], 47)
    assert not scheduler.stores(step(preempted=["other"]))
    assert "back" in scheduler.held


def test_one_larger_than_all_memory_pushes_nobody_out():
    scheduler = swapping(slots=3)
    begin(scheduler, FakeRequest("small", 16), FakeRequest("large", 64, priority=-1))
    scheduler.stores(step(preempted=["small"]))
    assert not scheduler.stores(step(preempted=["large"]))
    assert "small" in scheduler.held


def test_one_that_goes_on_in_the_very_step_is_not_copied():
    scheduler = swapping(slots=8)
    begin(scheduler, FakeRequest("a", 40))
    assert not scheduler.stores(step(preempted=["a"], resumed=[("a", [3, 4, 5], 0)]))
    assert scheduler.held.free == 8
    assert scheduler.take_counts() == {"recomputed": 39}


def test_a_session_whose_input_may_change_is_not_kept():
    scheduler = swapping(slots=8)
    begin(scheduler, FakeRequest("a", 40, resumable=True))
    assert not scheduler.stores(step(preempted=["a"]))


def test_when_the_cache_is_declared_invalid_all_that_was_copied_is_dropped():
    scheduler, running = swapping(slots=8), FakeRequest("b", 40)
    begin(scheduler, FakeRequest("a", 40), running)
    scheduler.stores(step(preempted=["a"]))
    running.drop_stale_output = True
    assert not scheduler.stores(step(preempted=["b"]))
    assert scheduler.held.free == 8


@pytest.mark.parametrize("where", ["running", "swapped", "loading"])
def test_of_one_that_has_ended_nothing_is_left(where):
    scheduler, request = swapping(slots=8, lossy=True), FakeRequest("a", 40)
    begin(scheduler, request)
    if where != "running":
        scheduler.stores(step(preempted=["a"]))
    if where == "loading":
        scheduler.bring_back(request, [5, 6, 7], 39)
        scheduler.take_loads()
    scheduler.end("a")
    scheduler.brought_back({"a"} if where == "loading" else set(), set())
    assert scheduler.held.free == 8
    assert not scheduler.stores(step(preempted=["a"]))


def test_what_is_rounded_is_hashed_under_a_salt_of_its_own_once():
    scheduler, request = swapping(slots=8, lossy=True), FakeRequest("a", 40, cache_salt="team")
    request.update_block_hashes()
    begin(scheduler, request)
    for _ in range(2):
        scheduler.stores(step(preempted=["a"]))
        scheduler.bring_back(request, [5, 6, 7], 39)
        scheduler.brought_back({"a"}, set())
        assert request.cache_salt == "teamlengthwise-swapped-a"
        assert request.block_hashes == [f"{request.cache_salt} 0", f"{request.cache_salt} 1"]
        scheduler.stores(step(resumed=[("a", [5, 6, 7], 39)]))


def test_what_is_exact_keeps_its_hashes():
    scheduler, request = swapping(slots=8), FakeRequest("a", 40)
    begin(scheduler, request)
    scheduler.stores(step(preempted=["a"]))
    scheduler.bring_back(request, [5, 6, 7], 39)
    assert request.cache_salt is None


def test_turned_off_it_does_nothing_but_lets_in_who_is_on_the_way_back():
    scheduler, request = swapping(slots=8), FakeRequest("a", 40)
    begin(scheduler, request, FakeRequest("b", 40))
    scheduler.stores(step(preempted=["a"]))
    scheduler.bring_back(request, [5, 6, 7], 39)
    scheduler.turn_off()
    assert len(scheduler.take_loads()) == 1
    assert not scheduler.stores(step(preempted=["b"]))
    scheduler.brought_back({"a"}, set())
    assert scheduler.held.free == 8


def test_of_several_workers_the_smallest_store_counts_and_one_that_cannot_is_enough():
    assert joined_memory([WorkerMemory(9), WorkerMemory(7)]) == WorkerMemory(7)
    refused = WorkerMemory(trouble="refused")
    assert joined_memory([WorkerMemory(9), refused]) == refused
    assert joined_memory([]).trouble is not None
    assert joined_memory([WorkerMemory(9), WorkerMemory(9, lossy=True)]).trouble is not None


def test_one_that_comes_back_as_if_it_were_new_is_counted_too():
    """So vLLM's second model runner is told of it."""
    scheduler = swapping(slots=1)
    begin(scheduler, FakeRequest("a", 40))
    scheduler.stores(step(preempted=["a"]))
    scheduler.stores(step(new=[("a", [3, 4, 5], 39), ("b", [6], 9)]))
    assert scheduler.take_counts() == {"evicted": 39, "recomputed": 39}
