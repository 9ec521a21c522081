"""Dynamic batching: logs worked out by hand."""

from lengthwise.scheduling.registry import make_rule
from lengthwise.scheduling.service_time import ServiceTimeModel
from serving_sim.engine.cost_model import StepCost
from serving_sim.engine.engine import Engine
from serving_sim.policies.fcfs import FcfsPolicy
from serving_sim.policies.rule_policy import RulePolicy
from tests.serving_sim.workloads import log_of, requests_of

SECOND_STEPS = StepCost(step_s=1.0)
PAIRS = Engine("dynamic", slots=2, batch_wait_s=5.0)


def test_a_full_batch_starts_at_once_and_all_are_answered_when_its_longest_is():
    requests = requests_of((0, 1, 3), (1, 1, 7))
    assert log_of(requests, FcfsPolicy(), PAIRS, SECOND_STEPS) == [(1, 2, 8), (1, 2, 8)]


def test_a_batch_that_is_not_full_starts_when_its_first_has_waited_long_enough():
    requests = requests_of((2, 1, 3))
    assert log_of(requests, FcfsPolicy(), PAIRS, SECOND_STEPS) == [(7, 8, 10)]


def test_who_waited_while_the_engine_was_busy_starts_as_soon_as_it_is_free():
    requests = requests_of((0, 1, 20), (0, 1, 2), (3, 1, 2))
    assert log_of(requests, FcfsPolicy(), PAIRS, SECOND_STEPS)[2] == (20, 21, 22)


def test_the_policy_says_who_is_in_the_next_batch():
    requests = requests_of((0, 1, 4), (0, 1, 4), (1, 1, 30), (2, 1, 2), (3, 1, 3))
    policy = RulePolicy(make_rule("shortest"), ServiceTimeModel())
    log = log_of(requests, policy, PAIRS, SECOND_STEPS)
    assert [completed for _, _, completed in log] == [4, 4, 37, 7, 7]


def test_a_batch_pays_for_all_its_prompts_and_sequences_until_its_end():
    cost = StepCost(1.0, sequence_s=0.5, cached_token_s=0.125, prefill_token_s=0.25)
    requests = requests_of((0, 4, 1), (0, 2, 3))
    first = 1.0 + 2 * 0.5 + 6 * 0.25
    rest = 2 * 2.0 + 0.125 * (6 + 8)
    assert log_of(requests, FcfsPolicy(), PAIRS, cost)[0] == (0, first, first + rest)
