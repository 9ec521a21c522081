"""Continuous batching: hand-worked logs, and the same as a step by step schedule."""

import numpy as np
import pytest

from lengthwise.scheduling.registry import make_rule
from lengthwise.scheduling.service_time import ServiceTimeModel
from serving_sim.engine.cost_model import StepCost
from serving_sim.engine.engine import Engine
from serving_sim.errors import InvalidEngineError
from serving_sim.policies.fcfs import FcfsPolicy
from serving_sim.policies.rule_policy import RulePolicy
from serving_sim.simulate import simulate
from tests.serving_sim.stepwise import Stepwise
from tests.serving_sim.workloads import drawn_requests, log_of, requests_of

SECOND_STEPS = StepCost(step_s=1.0)


def shortest() -> RulePolicy:
    return RulePolicy(make_rule("shortest"), ServiceTimeModel())


def test_a_request_alone_takes_a_step_for_each_token_the_first_with_its_prompt():
    log = log_of(requests_of((2.0, 5, 3)), FcfsPolicy(), Engine(slots=4), SECOND_STEPS)
    assert log == [(2.0, 3.0, 5.0)]


def test_a_request_joins_at_the_first_step_that_begins_after_it_came():
    requests = requests_of((0.0, 1, 4), (1.5, 1, 2))
    log = log_of(requests, FcfsPolicy(), Engine(slots=2), SECOND_STEPS)
    assert log == [(0.0, 1.0, 4.0), (2.0, 3.0, 4.0)]


def test_a_request_that_comes_as_a_step_begins_is_in_that_step():
    requests = requests_of((0.0, 1, 4), (2.0, 1, 2))
    log = log_of(requests, FcfsPolicy(), Engine(slots=2), SECOND_STEPS)
    assert log[1] == (2.0, 3.0, 4.0)


def test_who_finds_no_slot_waits_for_the_first_completion():
    requests = requests_of((0.0, 1, 4), (0.0, 1, 2), (1.0, 1, 1))
    log = log_of(requests, FcfsPolicy(), Engine(slots=2), SECOND_STEPS)
    assert log == [(0.0, 1.0, 4.0), (0.0, 1.0, 2.0), (2.0, 3.0, 3.0)]


def test_the_shortest_of_those_that_wait_takes_the_free_slot():
    requests = requests_of((0.0, 1, 3), (1.0, 1, 9), (2.0, 1, 2))
    log = log_of(requests, shortest(), Engine(slots=1), SECOND_STEPS)
    assert log == [(0.0, 1.0, 3.0), (5.0, 6.0, 14.0), (3.0, 4.0, 5.0)]


def test_a_prompt_longer_than_the_steps_tokens_is_computed_in_chunks_beside_those_that_decode():
    cost = StepCost(step_s=1.0, prefill_token_s=0.25)
    requests = requests_of((0.0, 2, 6), (1.0, 8, 2))
    log = log_of(requests, FcfsPolicy(), Engine(slots=2, step_tokens=4), cost)
    # Steps: 2 prompt tokens; then one decodes beside chunks of 3, 3 and 2; then both decode.
    assert log[0] == (0.0, 1.5, 1.5 + 1.75 + 1.75 + 1.5 + 1.0 + 1.0)
    assert log[1] == (1.5, 6.5, 7.5)


def test_a_step_costs_for_its_sequences_and_for_what_they_have_cached():
    cost = StepCost(step_s=1.0, sequence_s=0.5, cached_token_s=0.125, prefill_step_s=2.0)
    requests = requests_of((0.0, 4, 3), (0.0, 2, 2))
    log = log_of(requests, FcfsPolicy(), Engine(slots=2), cost)
    first = 1.0 + 2 * 0.5 + 2.0
    second = first + 1.0 + 2 * 0.5 + 0.125 * 6
    assert log == [(0.0, first, second + 1.0 + 0.5 + 0.125 * 5), (0.0, first, second)]


def test_where_memory_runs_out_the_last_admitted_makes_room_and_is_computed_again():
    engine = Engine(slots=2, kv_blocks=3, block_tokens=2)
    requests = requests_of((0.0, 2, 4), (0.0, 2, 3))
    result = simulate(requests, FcfsPolicy(), engine, SECOND_STEPS)
    # Both hold a block; in the second step the first takes the third, the second finds none.
    # The first ends at 4 with its third block; the second, with one token, starts again then.
    assert result.completed_s.tolist() == [4.0, 6.0]
    assert result.first_token_s.tolist() == [1.0, 1.0]
    assert result.preemptions.tolist() == [0, 1]
    assert result.wait_s.tolist() == [0.0, 3.0]


def test_a_request_is_admitted_only_if_its_whole_prompt_fits():
    engine = Engine(slots=2, kv_blocks=4, block_tokens=2, step_tokens=2)
    requests = requests_of((0.0, 2, 4), (0.0, 6, 1))
    log = log_of(requests, FcfsPolicy(), engine, SECOND_STEPS)
    assert log[1][0] == 4.0


def test_a_request_larger_than_the_memory_is_refused():
    with pytest.raises(InvalidEngineError, match=r"takes 6 blocks .* has 5"):
        simulate(requests_of((0.0, 6, 6)), FcfsPolicy(), Engine(kv_blocks=5, block_tokens=2),
                 SECOND_STEPS)  # fmt: skip


@pytest.mark.parametrize("kv_blocks", [None, 40, 23, 18])
@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("fcfs", [True, False])
def test_jumps_from_event_to_event_give_what_single_steps_give(kv_blocks, seed, fcfs):
    requests = drawn_requests(seed)
    engine = Engine(slots=5, kv_blocks=kv_blocks, block_tokens=4, step_tokens=16)
    cost = StepCost(1.0, 0.25, 0.015625, 0.5, 0.125)
    policy = FcfsPolicy() if fcfs else shortest()
    key = (lambda job: job.index) if fcfs else (lambda job: job.output_tokens)
    told = Stepwise(requests, engine, cost, key, fcfs).run()
    result = simulate(requests, policy, engine, cost)
    assert result.preemptions.tolist() == [job.preemptions for job in told]
    assert np.allclose(result.started_s, [job.started_s for job in told], atol=1e-6)
    assert np.allclose(result.first_token_s, [job.first_token_s for job in told], atol=1e-6)
    assert np.allclose(result.completed_s, [job.completed_s for job in told], atol=1e-6)


def test_the_same_simulation_twice_gives_the_same_log_to_the_last_bit():
    requests = drawn_requests(3)
    engine = Engine(slots=3, kv_blocks=20, block_tokens=4, step_tokens=16)
    cost = StepCost(0.013, 0.0007, 3e-5, 0.01, 0.0011)
    first, second = (simulate(requests, shortest(), engine, cost) for _ in range(2))
    assert first.completed_s.tobytes() == second.completed_s.tobytes()
