"""Whose turn is next, in virtual time."""

import math

from predictor_service.batching.lone_first import BULK_WORK_S, REMEMBERED_S, LoneFirst, Turn

LONE = Turn(is_bulk=False)
BULK = Turn(is_bulk=True)
PIECE = Turn(is_bulk=True, work_s=BULK_WORK_S)


def take(rules: LoneFirst, lone: int, bulk: int, now_s: float = 0.0) -> Turn | None:
    turn = rules.next(lone, bulk, now_s)
    if turn is not None:
        rules.started(turn)
    return turn


def test_bulk_alone_gets_every_thread_and_all_that_the_limits_allow():
    rules = LoneFirst(lanes=2)
    assert [take(rules, 0, 100) for _ in range(2)] == [BULK, BULK]
    assert rules.next(0, 100, 0.0) is None


def test_with_one_thread_bulk_goes_in_pieces_while_lone_calls_come():
    rules = LoneFirst(lanes=1)
    rules.lone_came(0.0)
    assert rules.next(0, 100, REMEMBERED_S) == PIECE
    assert rules.next(0, 100, REMEMBERED_S + 0.1) == BULK


def test_a_thread_is_kept_for_lone_calls_while_they_come():
    rules = LoneFirst(lanes=2)
    rules.lone_came(0.0)
    assert take(rules, 0, 100, 1.0) == BULK
    assert rules.next(0, 100, 1.0) is None
    rules.lone_came(2.0)
    assert take(rules, 1, 100, 2.0) == LONE


def test_a_kept_thread_is_bulks_again_once_no_lone_call_comes():
    rules = LoneFirst(lanes=2)
    rules.lone_came(0.0)
    assert take(rules, 0, 100, 1.0) == BULK
    assert take(rules, 0, 100, REMEMBERED_S + 0.1) == BULK


def test_where_both_wait_they_take_turns_and_bulk_takes_little():
    rules = LoneFirst(lanes=1)
    rules.lone_came(0.0)
    seen: list[Turn | None] = []
    for _ in range(4):
        turn = take(rules, 5, 100)
        seen.append(turn)
        assert turn is not None
        rules.ended(turn)
    assert seen == [LONE, PIECE, LONE, PIECE]


def test_lone_calls_get_every_thread_that_bulk_does_not_want():
    rules = LoneFirst(lanes=3)
    rules.lone_came(0.0)
    assert [take(rules, 9, 0) for _ in range(3)] == [LONE] * 3


def test_a_bulk_micro_batch_that_ended_makes_room_for_the_next():
    rules = LoneFirst(lanes=2)
    rules.lone_came(0.0)
    turn = take(rules, 0, 100)
    assert turn == BULK
    assert rules.next(0, 100, 0.0) is None
    rules.ended(turn)
    assert rules.next(0, 100, 0.0) == BULK


def test_what_waits_is_shared_by_the_threads_that_may_take_it():
    rules = LoneFirst(lanes=4)
    assert rules.free_for(BULK, busy=0, now_s=0.0) == 4
    assert rules.free_for(LONE, busy=1, now_s=0.0) == 3
    rules.lone_came(0.0)
    assert rules.free_for(BULK, busy=0, now_s=0.0) == 3


def test_no_more_work_than_a_lone_call_may_wait_for_is_finite_and_far_below_a_deadline():
    assert math.isinf(BULK.work_s)
    assert 0 < BULK_WORK_S <= 0.050 / 5
