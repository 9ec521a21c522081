"""The parts of the real loop without vLLM: who is sent a request, who stops, what is counted."""

import asyncio
from contextlib import contextmanager

import pytest

from benchmarks.autoscaler_loop.arms import FOLLOWED, Day
from benchmarks.autoscaler_loop.deployment import Action, Deployment
from benchmarks.autoscaler_loop.fleet import ITL_S, MOST, TTFT_S, write_config
from benchmarks.autoscaler_loop.load import RATE_PER_S, SWING, requests_of
from benchmarks.autoscaler_loop.replica import Replica, least_loaded, victims
from benchmarks.autoscaler_loop.tables import attainment, report_tables
from testbed.engine import Engine
from testbed.errors import TestbedError
from testbed.replay import Outcome
from testbed.workload import Request


def replica(port, *, ready_s=0.0, outstanding=0, draining_s=None):
    return Replica(port, 0.0, ready_s=ready_s, outstanding=outstanding, draining_s=draining_s)


def test_a_request_goes_to_the_least_loaded_of_those_that_serve():
    busy, free = replica(1, outstanding=3), replica(2, outstanding=1)
    others = [replica(3, ready_s=None), replica(4, draining_s=5.0)]
    assert least_loaded([*others, busy, free]) is free
    assert least_loaded(others) is None


def test_who_does_not_serve_yet_stops_first_and_then_the_newest():
    old, new, starting = Replica(1, 0.0, ready_s=9.0), Replica(2, 5.0, ready_s=8.0), Replica(3, 1.0)
    drained = replica(4, draining_s=5.0)
    assert victims([old, new, drained, starting], 3) == [starting, new, old]
    assert victims([old, new], 0) == []


class Processes:
    """What stands in for vLLM: which ports are served, as the context of each lasts."""

    def __init__(self):
        self.serving = set()
        self.started = 0

    @contextmanager
    def launch(self, port):
        self.started += 1
        self.serving.add(port)
        yield Engine(port, "tiny", 0, None)
        self.serving.remove(port)


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  threads end here, which set no event of the loop
            await asyncio.sleep(0.001)


async def test_an_engine_that_drains_gets_nothing_new_and_ends_after_its_last_answer():
    processes = Processes()
    async with Deployment(processes.launch, [1, 2]) as deployment:
        deployment.scale(2)
        await deployment.serving(2)
        async with deployment.endpoint() as first, deployment.endpoint() as second:
            assert {first.port, second.port} == {1, 2}
            deployment.scale(1)
            drained, stays = (first, second) if first.draining_s is not None else (second, first)
            async with deployment.endpoint() as third, deployment.endpoint() as fourth:
                assert third is fourth is stays
                assert processes.serving == {1, 2}
        await until(lambda: processes.serving == {stays.port})
        assert drained.held_at_drain == 1
        assert [(one.before, one.after) for one in deployment.actions] == [(0, 2), (2, 1)]
    assert processes.serving == set()


async def test_requests_wait_for_the_first_engine_and_a_port_is_used_again_when_it_is_free():
    processes = Processes()
    async with Deployment(processes.launch, [1]) as deployment:
        waiting = asyncio.create_task(deployment.endpoint().__aenter__())
        await asyncio.sleep(0)
        deployment.scale(1)
        old = await waiting
        deployment.scale(0)
        deployment.scale(1)
        assert processes.started == 1
        old.outstanding = 0
        old.stop_if_drained()
        await deployment.serving(1)
        assert (processes.started, len(deployment.replicas)) == (2, 2)


async def test_an_engine_that_does_not_start_ends_the_run_with_its_reason():
    @contextmanager
    def broken(port):
        raise TestbedError(f"nothing on {port}")
        yield

    async def started():
        async with Deployment(broken, [7]) as deployment:
            deployment.scale(1)
            await deployment.serving(1)

    with pytest.raises(TestbedError, match="nothing on 7"):
        await started()


def outcome(*, ttft_s=0.0, itl_s=0.0, error=None):
    first_s = 1.0 + ttft_s
    return Outcome(Request("?", 11, 1.0), 1.0, first_s, first_s + 10 * itl_s, 11, error)


def test_a_request_must_keep_both_promises_and_an_engine_counts_from_when_it_was_asked_for():
    outcomes = [
        outcome(),
        outcome(ttft_s=1.01 * TTFT_S),
        outcome(itl_s=1.01 * ITL_S),
        outcome(error="refused"),
    ]
    stopped = Replica(2, 30.0, ready_s=50.0, draining_s=70.0, ended_s=80.0, held_at_drain=4)
    day = Day(FOLLOWED, outcomes, [replica(1), stopped], [Action(30.0, 1, 2)], 100.0)
    assert attainment(day) == 0.25
    assert day.instance_s == 150.0
    aims, days, actions = report_tables([day])
    assert [row["met"] for row in aims.rows] == [False, True]
    assert days.rows[0]["ttft"].median == days.rows[0]["itl"].median == 50.0
    assert actions.rows[0]["start_s"] == 20.0


def test_a_made_day_is_as_full_as_is_said_fullest_in_the_middle_and_has_a_night():
    requests = requests_of(5.0, 0, None)
    times_s = [request.arrival_s for request in requests]
    assert times_s == sorted(times_s)
    assert times_s[-1] == pytest.approx(300)
    by_day = [at for at in times_s if at <= 240]
    assert len(by_day) == pytest.approx(240 * RATE_PER_S, rel=0.01)
    assert sum(80 <= at <= 160 for at in by_day) > len(by_day) / 2
    assert len(times_s) - len(by_day) == pytest.approx(60 * (1 - SWING) * RATE_PER_S, rel=0.1)


def test_the_configuration_that_is_written_is_one_that_the_autoscaler_reads(tmp_path):
    from autoscaler.config.fleet_config import read_config

    write_config(tmp_path / "fleet.yaml", [1, 2, 3], 6000, mean_tokens=70.0)
    options = read_config(tmp_path / "fleet.yaml").options()
    assert options.capacity.slots_within(options.slo.itl_s) == 14
    assert max(limits.most for limits in options.limits.values()) == MOST
