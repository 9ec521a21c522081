"""A fleet in virtual time: instances, router, policies, and the whole."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from autoscaler.core.capacity import InstanceCapacity
from autoscaler.core.fleet import Pool
from autoscaler.core.slo import RequestClass, Slo
from serving_sim.cli.commands import app
from serving_sim.errors import SimulationError
from serving_sim.fleet.contenders import CONTENDER_NAMES, FleetSetting, contender
from serving_sim.fleet.experiment import FleetWorkload, compare
from serving_sim.fleet.instance import Instance, Phase
from serving_sim.fleet.job import FleetJob
from serving_sim.fleet.policy import StaticPolicy
from serving_sim.fleet.result import FleetSummary
from serving_sim.fleet.router import Router, RouterOptions
from serving_sim.fleet.simulate import FleetOptions, simulate_fleet, within_quota
from serving_sim.fleet.workload import FleetRequests
from serving_sim.workload.length_table import LengthTable
from serving_sim.workload.predictor import Predictor
from serving_sim.workload.workload import Workload, gamma_arrivals
from tests.serving_sim.workloads import requests_of

SECONDS = InstanceCapacity(slots=4, step_s=1.0, start_up_s=30.0)
SLO = Slo(ttft_s=10.0, itl_s=5.0, batch_itl_s=5.0)
SETTING = FleetSetting(InstanceCapacity(16, 0.02, 0.001, 1e-5, 30.0), Slo(10.0, 0.2, 600.0), 1, 20)


def job(index: int, tokens: int, *, batch: bool = False, due_s: float = 10.0, at_s: float = 0.0):
    name = RequestClass.BATCH if batch else RequestClass.INTERACTIVE
    return FleetJob(index, at_s, 1, tokens, name, due_s, float(tokens))


def ready(number: int, pool: Pool, capacity: InstanceCapacity = SECONDS) -> Instance:
    one = Instance(number, pool, capacity, 0.0)
    one.phase = Phase.READY
    return one


def router(slots: int = 2, rule=None, **options) -> Router:
    return Router(RouterOptions(slots, slots, **options), rule, 1.0)


def served_of(rows, batch=()) -> FleetRequests:
    jobs = [requests_of(*batch)] if batch else []
    return FleetRequests.from_classes(requests_of(*rows), jobs, 600.0, SLO)


def static(instances: int, served: FleetRequests, slots: int = 4, **options):
    options = FleetOptions(
        SECONDS, RouterOptions(slots, slots, class_aware=False, **options), 15.0,
        ((Pool.MIXED, instances),),
    )  # fmt: skip
    return simulate_fleet(served, StaticPolicy(instances), options)


@pytest.fixture(scope="module")
def workload() -> FleetWorkload:
    outputs = np.random.default_rng(0).geometric(1 / 120, 3_000)
    table = LengthTable(outputs, np.full(3_000, 100))
    told = Predictor.from_text("noise:0.6").predict(table)
    drawn = Workload(table, gamma_arrivals(2.0), told.tokens, told.distributions)
    return FleetWorkload(drawn, drawn, 1_500, 6.0, 0.3, 100.0, 600.0)


def test_a_request_alone_takes_its_prompt_and_a_step_for_each_token():
    one = ready(0, Pool.MIXED, InstanceCapacity(4, 1.0, prefill_token_s=0.5))
    asked = job(0, 3)
    one.add(asked, 0.0)
    assert one.next_end_s() == 3.5
    assert one.take_ended(3.5) == [asked]
    assert (asked.first_token_s, asked.completed_s) == (1.5, 3.5)


def test_requests_beside_each_other_slow_each_other_down():
    one = ready(0, Pool.MIXED, InstanceCapacity(4, 1.0, 0.5))
    one.add(job(0, 2), 0.0)
    one.add(job(1, 4), 0.0)
    assert one.next_end_s() == 4.0
    one.take_ended(4.0)
    assert one.next_end_s() == 4.0 + 2 * 1.5


def test_a_preempted_request_goes_on_where_it_was_on_its_own_instance_and_is_computed_elsewhere():
    capacity = InstanceCapacity(4, 1.0, prefill_token_s=1.0)
    here, elsewhere = ready(0, Pool.MIXED, capacity), ready(1, Pool.MIXED, capacity)
    asked = job(0, 10)
    here.add(asked, 0.0)
    here.preempt(asked, 5.0)
    assert asked.generated_tokens == 4.0
    here.add(asked, 20.0)
    assert here.next_end_s() == 26.0
    here.preempt(asked, 20.0)
    elsewhere.add(asked, 20.0)
    assert elsewhere.next_end_s() == 20.0 + (1 + 4) + 6


def test_interactive_requests_take_the_slots_of_batch_requests_on_mixed_instances():
    mixed, queue = ready(0, Pool.MIXED), router()
    for index, due_s in ((0, 500.0), (1, 900.0)):
        queue.add(job(index, 50, batch=True, due_s=due_s))
    queue.dispatch([mixed], 0.0)
    assert mixed.running == 2
    queue.add(job(2, 5))
    queue.dispatch([mixed], 1.0)
    assert mixed.interactive == 1
    assert queue.batch_waiting == 1
    assert {one.index for one in mixed.jobs()} == {0, 2}


def test_batch_requests_never_go_to_interactive_instances_nor_interactive_ones_to_batch_instances():
    queue = router()
    queue.add(job(0, 5))
    queue.add(job(1, 5, batch=True))
    queue.dispatch([ready(0, Pool.INTERACTIVE)], 0.0)
    assert (queue.interactive_waiting, queue.batch_waiting) == (0, 1)
    queue.add(job(2, 5))
    batch = ready(1, Pool.BATCH)
    queue.dispatch([batch], 0.0)
    assert (queue.interactive_waiting, batch.running) == (1, 1)


def test_batch_goes_by_deadline_and_longest_first_within_one():
    queue, one = router(slots=1), ready(0, Pool.BATCH)
    for index, (tokens, due_s) in enumerate([(5, 900.0), (5, 100.0), (9, 100.0)]):
        queue.add(job(index, tokens, batch=True, due_s=due_s))
    order = []
    for now_s in (0.0, 100.0, 200.0):
        queue.dispatch([one], now_s)
        order += [done.index for done in one.take_ended(now_s + 50)]
    assert order == [2, 1, 0]


def test_requests_that_can_still_be_in_time_go_before_those_that_cannot():
    def first(**options) -> int:
        queue, one = router(slots=1, **options), ready(0, Pool.INTERACTIVE)
        queue.add(job(0, 5, due_s=10.0))
        queue.add(job(1, 5, due_s=30.0, at_s=20.0))
        queue.dispatch([one], 20.0)
        return one.jobs()[0].index

    assert first() == 1
    assert first(feasible_first=False) == 0


def test_instances_are_paid_for_from_when_they_are_asked_for():
    served = served_of([(0.0, 1, 10), (50.0, 1, 10)])
    result = static(2, served)
    assert result.completed_s.tolist() == [10.0, 60.0]
    assert result.instance_s == 120.0
    assert result.actions == 0


def test_an_instance_serves_a_start_up_after_it_was_asked_for():
    class Late(StaticPolicy):
        def wanted(self, view):
            return {Pool.MIXED: 1}

    options = FleetOptions(SECONDS, RouterOptions(4, 4, class_aware=False), 15.0, ())
    result = simulate_fleet(served_of([(1.0, 1, 3)]), Late(1), options)
    assert result.started_s.tolist() == [30.0]


def test_a_draining_instance_ends_what_it_runs_and_takes_nothing_new():
    class Shrinking(StaticPolicy):
        def wanted(self, view):
            return {Pool.MIXED: 2 if view.now_s < 15 else 1}

    served = served_of([(0.0, 1, 40), (0.0, 1, 60), (16.0, 1, 5), (16.0, 1, 5)])
    options = FleetOptions(
        SECONDS, RouterOptions(2, 2, class_aware=False), 15.0, ((Pool.MIXED, 2),)
    )
    result = simulate_fleet(served, Shrinking(2), options)
    # The one with less to go drains; the second slot of the other takes the new ones in turn.
    assert result.completed_s.tolist() == [40.0, 60.0, 21.0, 26.0]
    assert result.instance_s == 40.0 + 60.0


def test_a_quota_is_given_to_interactive_instances_first():
    wanted = {Pool.BATCH: 5, Pool.INTERACTIVE: 3, Pool.MIXED: 2}
    given = within_quota(wanted, 4)
    assert given == {Pool.INTERACTIVE: 3, Pool.MIXED: 1, Pool.BATCH: 0}
    assert within_quota(wanted, None) == wanted


def test_attainment_is_counted_by_class_and_for_the_longest():
    served = served_of([(0.0, 1, 4), (0.0, 1, 20)], batch=[(0.0, 1, 700)])
    result = static(1, served, slots=1)
    row = FleetSummary.from_result(result, SLO, policy="one", seed=0)
    # Served one after another: the second's first token comes at 5, the batch ends at 724.
    assert row.interactive_attainment == 1.0
    assert row.batch_attainment == 0.0
    assert row.instance_hours == pytest.approx(724 / 3600)


@pytest.mark.parametrize("name", [*CONTENDER_NAMES, "utilisation:0.4@8", "static:6"])
def test_every_policy_serves_every_request_to_its_end(workload, name):
    (one,) = compare(workload, [name], SETTING, seeds=[1])
    result = one.result
    assert (result.completed_s >= result.first_token_s).all()
    assert (result.started_s >= result.served.requests.arrival_s).all()
    assert 0 < one.summary.interactive_attainment <= 1
    assert one.summary.instance_hours > 0


def test_the_same_seed_gives_the_same_log_to_the_last_bit(workload):
    first, second = (
        next(compare(workload, ["lengthwise"], SETTING, seeds=[3])).result for _ in range(2)
    )
    assert first.completed_s.tobytes() == second.completed_s.tobytes()
    assert first.timeline == second.timeline


def test_more_headroom_costs_more_and_keeps_more(workload):
    rows = [
        one.summary
        for one in compare(workload, ["lengthwise:0.95", "lengthwise:0.3"], SETTING, seeds=[0])
    ]
    assert rows[0].instance_hours < rows[1].instance_hours
    assert rows[0].interactive_attainment <= rows[1].interactive_attainment


@pytest.mark.parametrize("name", ["best", "static:many", "utilisation:0.6@few"])
def test_a_policy_that_cannot_be_is_refused_by_name(name):
    with pytest.raises(SimulationError, match=name.partition(":")[0]):
        contender(name, SETTING)


def test_the_command_writes_a_row_for_each_policy_and_seed(tmp_path):
    (tmp_path / "l.csv").write_text(
        "output_tokens\n" + "\n".join(str(20 + i % 90) for i in range(300))
    )
    path = tmp_path / "rows.json"
    arguments = ["--lengths", str(tmp_path / "l.csv"), "--requests", "200", "--rate", "5"]
    more = ["--policy", "chiron,lengthwise", "--seeds", "2", "--json", str(path)]
    more += ["--report", str(tmp_path / "page")]
    result = CliRunner().invoke(app, ["fleet", *arguments, *more], catch_exceptions=False)
    assert result.exit_code == 0
    rows = json.loads(path.read_text())
    assert [(row["policy"], row["seed"]) for row in rows] == [
        (policy, seed) for seed in (0, 1) for policy in ("chiron", "lengthwise")
    ]
    assert not any(math.isnan(row["p99_ttft_s"]) for row in rows)
    page = (tmp_path / "page" / "fleet.html").read_text()
    assert page.count("<svg") == 3
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "lengthwise" in page


def test_the_command_refuses_an_slo_that_no_instance_keeps(tmp_path):
    with pytest.raises(SimulationError, match="cannot be met"):
        CliRunner().invoke(app, ["fleet", "--itl-s", "0.001"], catch_exceptions=False)


def test_jobs_take_their_deadlines_in_turn():
    jobs = [requests_of((at_s, 1, 10), (at_s, 1, 10)) for at_s in (0.0, 100.0, 200.0)]
    served = FleetRequests.from_classes(requests_of((0.0, 1, 5)), jobs, (60.0, 600.0), SLO)
    assert served.due_s[served.batch].tolist() == [60.0, 60.0, 700.0, 700.0, 260.0, 260.0]


def test_who_comes_after_the_predictor_went_is_not_predicted(workload):
    gone = replace(workload, predicted_share=0.5)
    jobs = list(gone.draw(0, SETTING).jobs())
    whole = list(workload.draw(0, SETTING).jobs())
    half_s = max(job.arrival_s for job in jobs if job.distribution is not None)
    assert 0.4 * jobs[-1].arrival_s < half_s < 0.6 * jobs[-1].arrival_s
    late = [job for job in jobs if job.arrival_s > half_s]
    assert all(job.distribution is None for job in late)
    mean = np.mean([job.predicted_tokens for job in whole])
    assert {round(job.predicted_tokens, 6) for job in late} == {round(float(mean), 6)}
    assert [job.output_tokens for job in jobs] == [job.output_tokens for job in whole]


def test_without_a_predictor_the_fleet_is_scaled_as_by_mean_lengths(workload):
    blind = replace(workload, predicted_share=0.0)
    by_mean, gone = (
        run.summary
        for run in compare(blind, ["occupancy:0.85", "predicted:0.85"], SETTING, seeds=[0])
    )
    assert gone.instance_hours == pytest.approx(by_mean.instance_hours, rel=0.05)
    assert gone.interactive_attainment == pytest.approx(by_mean.interactive_attainment, abs=0.02)


def test_what_decisions_assume_of_an_engine_may_differ_from_what_it_gives():
    assumed = InstanceCapacity(8, 0.05)
    assert replace(SETTING, assumed=assumed).decision.capacity is assumed
    assert SETTING.decision.capacity is SETTING.capacity
