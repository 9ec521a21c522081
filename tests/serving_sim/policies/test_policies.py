"""Each policy's own behaviour, as logs worked out by hand."""

import math

import pytest

from lengthwise.length_distribution import LengthDistribution
from lengthwise.scheduling.preemption import PreemptionRule
from lengthwise.scheduling.registry import make_rule
from lengthwise.scheduling.service_time import ServiceTimeModel
from serving_sim.engine.cost_model import StepCost
from serving_sim.engine.engine import Engine, KvSwap
from serving_sim.errors import SimulationError
from serving_sim.policies.alise import AlisePolicy
from serving_sim.policies.fcfs import FcfsPolicy
from serving_sim.policies.ltr import LtrPolicy
from serving_sim.policies.mlfq import MlfqPolicy
from serving_sim.policies.registry import POLICY_NAMES, PolicyChoice
from serving_sim.policies.remaining import CappedRemainingPolicy, GittinsPolicy, SrptPolicy
from serving_sim.policies.rule_policy import PreemptingPolicy, RulePolicy
from serving_sim.policies.starvation import StarvationPolicy
from serving_sim.simulate import simulate
from serving_sim.workload.requests import Distributions
from tests.serving_sim.workloads import drawn_requests, log_of, requests_of

SECOND_STEPS = StepCost(step_s=1.0)
ONE_SLOT = Engine("none", slots=1)
SECONDS = ServiceTimeModel(decode_s_per_output_token=1.0)


def ends(requests, policy, engine=ONE_SLOT, cost=SECOND_STEPS):
    return simulate(requests, policy, engine, cost).completed_s.tolist()


def test_fcfs_serves_in_the_order_of_arrival():
    requests = requests_of((0, 1, 5), (1, 1, 4), (2, 1, 1))
    assert ends(requests, FcfsPolicy()) == [5, 9, 10]


def test_sjf_serves_the_shortest_of_those_that_wait():
    requests = requests_of((0, 1, 5), (1, 1, 4), (2, 1, 1), (5.5, 1, 2))
    policy = RulePolicy(make_rule("shortest"), SECONDS)
    assert ends(requests, policy) == [5, 12, 6, 8]


def test_sjf_goes_by_what_is_predicted_not_by_the_truth():
    requests = requests_of((0, 1, 2), (0, 1, 9, 1.0), (0, 1, 1, 5.0))
    assert ends(requests, RulePolicy(make_rule("shortest"), SECONDS)) == [11, 9, 12]


def test_the_aged_rule_lets_nobody_be_overtaken_by_who_came_much_later():
    requests = requests_of((0, 1, 8), (0, 1, 9), (5, 1, 6), (7, 1, 2))
    policy = RulePolicy(make_rule("aged", weight=1.0), SECONDS)
    # Keys: 8, 9, 11 and 9 seconds: the last comes before the third, but not before the second.
    assert ends(requests, policy) == [8, 17, 25, 19]


def test_ssjf_serves_who_waited_ten_times_its_predicted_duration_first():
    requests = requests_of((0, 1, 40, 2.0), *((t, 1, 15, 1.0) for t in range(5)))
    # The first is predicted to take 2 s: once it has waited over 20 s it goes before the others.
    assert ends(requests, StarvationPolicy(SECONDS))[0] == 15 + 15 + 40


def test_ssjf_serves_who_waited_over_its_patience_first_and_else_the_shortest():
    requests = requests_of((0, 1, 4), (0, 1, 50), *((t, 1, 4) for t in range(1, 9)))
    patient = ends(requests, StarvationPolicy(SECONDS, patience_s=100.0))
    impatient = ends(requests, StarvationPolicy(SECONDS, patience_s=10.0))
    assert patient[1] == 9 * 4 + 50
    assert impatient[1] == 12 + 50


def test_srpt_displaces_who_has_more_to_go_and_computes_it_again():
    requests = requests_of((0, 1, 10), (2.5, 1, 3), (3.0, 1, 8))
    result = simulate(requests, SrptPolicy(review_tokens=1), ONE_SLOT, SECOND_STEPS)
    # At 3 the first has 7 to go: 3 displaces it, 8 does not.
    assert result.completed_s.tolist() == [13, 6, 21]
    assert result.preemptions.tolist() == [1, 0, 0]
    assert result.wait_s.tolist() == [3, 0.5, 10]


def test_srpt_lets_a_request_with_little_to_go_end():
    requests = requests_of((0, 1, 5), (3.0, 1, 3))
    assert ends(requests, SrptPolicy(review_tokens=1)) == [5, 8]


def test_by_what_remains_nobody_is_overtaken_by_who_came_much_later():
    # Ranks are seconds of arrival and to go: at 2 the second has 2 + 3 and displaces the first
    # with 0 + 6; at 7 the third has 7 + 2 and does not displace it with 0 + 4.
    requests = requests_of((0, 1, 8), (2, 1, 3), (7, 1, 2))
    policy = CappedRemainingPolicy(SECONDS, weight=1.0, cap_quantile=1.0, review_tokens=1)
    assert ends(requests, policy) == [11, 5, 13]


def test_by_what_remains_the_longest_are_served_as_they_come():
    requests = requests_of((0, 1, 2), (0, 1, 2), (0, 1, 9), (1, 1, 5))
    capped = CappedRemainingPolicy(SECONDS, weight=8.0, cap_quantile=0.25)
    uncapped = CappedRemainingPolicy(SECONDS, weight=8.0, cap_quantile=1.0)
    assert ends(requests, capped) == [2, 4, 13, 18]
    assert ends(requests, uncapped) == [2, 4, 18, 9]


def test_srpt_estimates_again_whoever_outlives_its_prediction():
    requests = requests_of((0, 1, 30, 4.0), (1, 1, 6))
    # At 4 tokens as much again is expected; at 7 it is more than the other's 6.
    assert ends(requests, SrptPolicy(review_tokens=1)) == [36, 13]


def test_a_request_is_preempted_no_more_often_than_is_allowed():
    requests = requests_of((0, 1, 20), (1, 1, 2), (5, 1, 2), (9, 1, 2))
    result = simulate(requests, SrptPolicy(max_preemptions=2), ONE_SLOT, SECOND_STEPS)
    assert result.preemptions.tolist() == [2, 0, 0, 0]


def test_gittins_displaces_who_had_its_chance_to_end_early():
    either = LengthDistribution((0.0, 0.9, 0.9, 1.0), (2.0, 2.0, 40.0, 40.0))
    sure = LengthDistribution((0.0, 1.0), (10.0, 10.0))
    requests = requests_of((0, 1, 40), (0, 1, 10)).with_predictions(
        requests_of((0, 1, 6), (0, 1, 10)).predicted_tokens,
        Distributions((either, sure), requests_of((0, 1, 1), (0, 1, 1)).input_tokens * 0 + [0, 1]),
    )
    # It probably ends after 2 tokens and goes first; when it has not, 38 are to come.
    assert ends(requests, GittinsPolicy(review_tokens=1)) == [50, 12]


def test_mlfq_moves_a_request_down_when_its_quantum_ends():
    requests = requests_of((0, 1, 6), (1, 1, 3), (1, 1, 1))
    # Quanta 2, 4: the first has 2 tokens, then the others 2 and 1, then the first its 4, then
    # the second its last.
    assert ends(requests, MlfqPolicy(quantum_tokens=2)) == [9, 10, 5]


def test_mlfq_lets_a_long_prompt_join_further_down():
    requests = requests_of((0, 1, 1), (0, 64, 1), (0.5, 1, 1))
    policy = MlfqPolicy(quantum_tokens=2, token_per_input_token=1.0)
    assert ends(requests, policy) == [1, 3, 2]


def test_mlfq_moves_who_waited_long_to_the_top():
    rows = [(0, 1, 8), *((t, 1, 2) for t in range(2, 40, 2))]
    starved = ends(requests_of(*rows), MlfqPolicy(quantum_tokens=2))
    helped = ends(requests_of(*rows), MlfqPolicy(quantum_tokens=2, patience_s=5.0))
    assert starved[0] == 46
    assert helped[0] < starved[0]


def test_ltr_promotes_who_has_not_run_for_long():
    rows = [(0, 1, 4), (0, 1, 30), *((t, 1, 4) for t in range(4, 60, 4))]
    starved = ends(requests_of(*rows), LtrPolicy(patience_s=math.inf))
    helped = ends(requests_of(*rows), LtrPolicy(patience_s=10.0, quantum_tokens=30))
    assert starved[1] == 60 + 30
    assert helped[1] == 10 + 30


def test_the_scheduler_class_rule_preempts_who_has_much_more_to_go():
    requests = requests_of((0, 1, 40), (5, 1, 4))
    rule = PreemptionRule(service_time=SECONDS)
    policy = PreemptingPolicy(make_rule("shortest"), rule, SECONDS)
    engine = Engine(slots=1)
    result = simulate(requests, policy, engine, SECOND_STEPS)
    assert result.preemptions.tolist() == [1, 0]
    assert result.completed_s.tolist() == [44, 9]


@pytest.mark.parametrize(("blocks", "preemptions"), [(42, [1, 0]), (60, [0, 0])])
def test_the_scheduler_class_rule_makes_room_in_memory_too(blocks, preemptions):
    requests = requests_of((0, 1, 40), (20, 30, 4))
    rule = PreemptionRule(service_time=SECONDS)
    policy = PreemptingPolicy(make_rule("shortest"), rule, SECONDS)
    engine = Engine(slots=2, kv_blocks=blocks, block_tokens=1)
    result = simulate(requests, policy, engine, SECOND_STEPS)
    assert result.preemptions.tolist() == preemptions
    assert result.completed_s[1] < result.completed_s[0]


def alise(**options) -> AlisePolicy:
    return AlisePolicy(SECONDS, level_s=4.0, review_tokens=1, **options)


def test_alise_serves_queues_by_what_is_left_and_each_in_the_order_of_arrival():
    requests = requests_of((0, 1, 2), (0, 1, 7), (0, 1, 6), (0, 1, 3))
    assert ends(requests, alise(aging_s=math.inf)) == [2, 12, 18, 5]


def test_alise_displaces_only_from_a_higher_queue():
    requests = requests_of((0, 1, 8), (1, 1, 7), (2, 1, 3))
    assert ends(requests, alise(aging_s=math.inf)) == [11, 18, 5]


def test_alise_moves_up_who_waits():
    rows = [(0, 1, 4), (0, 1, 20), *((t, 1, 4) for t in range(4, 60, 4))]
    starved = ends(requests_of(*rows), alise(aging_s=math.inf))
    aged = ends(requests_of(*rows), alise(aging_s=5.0))
    assert starved[1] == 80
    assert aged[1] < 50


def test_a_swapped_request_goes_on_where_it_was_once_its_memory_is_back():
    swap = KvSwap(bytes_per_token=8, link_bytes_per_s=16)
    engine = Engine(slots=1, swap=swap)
    requests = requests_of((0, 4, 9), (3, 1, 2))
    log = log_of(requests, SrptPolicy(review_tokens=1), engine, SECOND_STEPS)
    # Out at 3 with 6 tokens cached: 3 s beside the other's first step; back in 3 s again.
    assert log == [(0, 1, 3 + 4 + 1 + 3 + 6), (3, 7, 8)]


def test_eight_bits_halve_what_goes_over_the_link_and_take_time_to_convert():
    sixteen = KvSwap(bytes_per_token=8, link_bytes_per_s=16)
    eight = KvSwap(bytes_per_token=8, link_bytes_per_s=16, bits=8, quantise_s_per_token=0.125)
    assert sixteen.transfer_s(6) == 3.0
    assert eight.transfer_s(6) == 1.5 + 0.75


def test_a_full_cpu_memory_makes_the_preempted_be_computed_again():
    swap = KvSwap(bytes_per_token=8, link_bytes_per_s=16, cpu_bytes=40)
    requests = requests_of((0, 4, 9), (3, 1, 2))
    result = simulate(requests, SrptPolicy(review_tokens=1), Engine(slots=1, swap=swap),
                      SECOND_STEPS)  # fmt: skip
    assert result.swapped_tokens == 0
    assert result.completed_s.tolist() == [3 + 2 + 6, 5]


def test_lazily_swapped_requests_keep_their_memory_while_it_is_not_wanted():
    swap = KvSwap(bytes_per_token=8, link_bytes_per_s=16, lazy=True)
    requests = requests_of((0, 4, 9), (3, 1, 2))
    roomy, tight = (Engine(slots=1, swap=swap, kv_blocks=n, block_tokens=2) for n in (None, 6))
    kept = simulate(requests, SrptPolicy(review_tokens=1), roomy, SECOND_STEPS)
    assert (kept.swapped_tokens, kept.completed_s.tolist()) == (0, [11, 5])
    still_kept = simulate(requests, SrptPolicy(review_tokens=1), tight, SECOND_STEPS)
    assert (still_kept.swapped_tokens, still_kept.completed_s.tolist()) == (0, [11, 5])
    evicted = simulate(
        requests_of((0, 4, 9), (3, 6, 2)), SrptPolicy(review_tokens=1), tight, SECOND_STEPS
    )
    assert evicted.swapped_tokens == 2 * 6


def test_who_waits_longest_by_estimate_gives_up_its_memory_first():
    swap = KvSwap(bytes_per_token=8, link_bytes_per_s=1e9, lazy=True)
    engine = Engine(slots=2, swap=swap, kv_blocks=8, block_tokens=2)
    requests = requests_of((0, 2, 9), (0, 2, 12), (2, 4, 2), (2, 4, 2), (2, 6, 3))
    policy = alise(aging_s=math.inf)
    result = simulate(requests, policy, engine, SECOND_STEPS)
    assert result.swapped_tokens > 0
    assert result.completed_s[0] < result.completed_s[1]


@pytest.mark.parametrize("name", [*POLICY_NAMES, "oracle-sjf", "oracle-srpt"])
@pytest.mark.parametrize("kv_blocks", [None, 23])
@pytest.mark.parametrize("swap", [None, KvSwap(8, 64), KvSwap(8, 64, lazy=True)])
def test_every_policy_serves_every_request_to_its_end(name, kv_blocks, swap):
    requests = drawn_requests(5, mean_gap_s=2.0)
    engine = Engine(slots=4, kv_blocks=kv_blocks, block_tokens=4, step_tokens=16, swap=swap)
    cost = StepCost(0.25, 0.0625, 0.0, 0.0, 0.0625)
    result = simulate(requests, PolicyChoice(name).make(cost, engine), engine, cost)
    assert (result.completed_s >= result.first_token_s).all()
    assert (result.first_token_s > result.started_s).all()
    assert (result.started_s >= requests.arrival_s).all()
    least_s = (requests.output_tokens) * 0.3125
    assert (result.jct_s >= least_s - 1e-9).all()


def test_an_unknown_policy_is_refused_by_name():
    with pytest.raises(SimulationError, match="there is no policy 'best': expected one of fcfs"):
        PolicyChoice("best")
