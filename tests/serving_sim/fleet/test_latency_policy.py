"""llm-d's rule on latency: its branches by hand, and its limits on how fast it goes."""

import pytest

from autoscaler.core.capacity import InstanceCapacity
from autoscaler.core.fleet import Pool
from autoscaler.core.slo import RequestClass, Slo
from serving_sim.fleet.instance import Instance, Phase
from serving_sim.fleet.job import FleetJob
from serving_sim.fleet.latency_policy import LatencyPolicy
from serving_sim.fleet.policy import FleetView
from serving_sim.fleet.router import Router, RouterOptions

SLO = Slo(ttft_s=3.0, itl_s=0.1)


def ended(at_s: float, ttft_s: float, itl_s: float = 0.01) -> FleetJob:
    job = FleetJob(0, at_s - 10.0, 10, 100, RequestClass.INTERACTIVE, 0.0, 100.0)
    job.first_token_s = job.arrival_s + ttft_s
    job.completed_s = job.first_token_s + 100 * itl_s
    return job


def view(now_s: float, ready: int, starting: int = 0) -> FleetView:
    capacity = InstanceCapacity(8, 0.01)
    phases = [Phase.READY] * ready + [Phase.STARTING] * starting
    instances = [Instance(n, Pool.MIXED, capacity, 0.0) for n in range(len(phases))]
    for one, phase in zip(instances, phases, strict=True):
        one.phase = phase
    return FleetView(now_s, instances, Router(RouterOptions(8, 8), None, 1.0), {}, 8)


def steady(policy: LatencyPolicy, ready: int, ttft_s: float, starting: int = 0, times: int = 20):
    """Asked every 15 s while the size and the latency stay."""
    wanted = 0
    for step in range(times):
        now_s = 1_000.0 + 15 * step
        policy.finished(ended(now_s, ttft_s))
        wanted = policy.wanted(view(now_s, ready, starting))[Pool.MIXED]
    return wanted


def policy() -> LatencyPolicy:
    return LatencyPolicy(0.55, SLO, 1, 20)


@pytest.mark.parametrize(
    ("ttft_s", "wanted"),
    [
        (1.5, 4),  # half of the SLO: in the dead band of 0.40 to 0.55
        (2.2, 6),  # 0.733 of it: 4 + ceil(4 * (0.733 / 0.55 - 1))
        (0.6, 3),  # 0.2 of it: half would go, one does
    ],
)
def test_more_above_the_band_fewer_below_it_and_none_in_it(ttft_s, wanted):
    assert steady(policy(), 4, ttft_s) == wanted


def test_the_time_between_tokens_counts_if_it_is_the_worse_of_both():
    one = policy()
    for step in range(4):
        one.finished(ended(1_000.0 + 15 * step, 0.1, itl_s=0.09))
        wanted = one.wanted(view(1_000.0 + 15 * step, 4))[Pool.MIXED]
    assert wanted == 7  # 0.9 of the SLO: 4 + ceil(4 * (0.9 / 0.55 - 1))


def test_a_spike_is_cut_off_at_twice_the_slo_and_growth_at_twice_the_fleet():
    assert steady(policy(), 4, 300.0) == 8
    assert steady(policy(), 10, 300.0) == 20


def test_instances_that_start_are_credited():
    # At 1.1 of the SLO four ready ones ask for four more, which are there and start.
    assert steady(policy(), 4, 3.3, starting=4) == 8


def test_without_requests_it_goes_down_to_the_least_one_by_one():
    one = LatencyPolicy(0.55, SLO, 3, 20)
    size, sizes = 5, []
    for step in range(60):
        size = one.wanted(view(15.0 * step, size))[Pool.MIXED]
        sizes.append(size)
    assert sizes[-1] == 3
    first = sizes.index(4)
    assert sizes.index(3) - first >= 8  # of 15 s: one fewer in two minutes
