"""The external scaler as KEDA and the HPA see it, over a real socket and on a clock of our own."""

import asyncio
import contextlib
from dataclasses import replace
from types import SimpleNamespace

import grpc
import pytest

from autoscaler.core.fleet import FleetState, InteractiveDemand, Pool, PoolInstances
from autoscaler.core.options import PoolLimits
from autoscaler.edges.controller import Controller
from autoscaler.edges.externalscaler import externalscaler_pb2 as pb
from autoscaler.edges.externalscaler import externalscaler_pb2_grpc as rpc
from autoscaler.edges.keda.serve import KedaServer
from autoscaler.errors import InvalidConfigError
from testbed.keda.twin import KedaTwin, ScaledObject
from tests.autoscaler.states import options

LIMITS = {Pool.INTERACTIVE: PoolLimits(0, 50), Pool.BATCH: PoolLimits(0, 50)}


class Fleet:
    """A fleet whose load a test sets; its replicas are the twin's, ready after a start-up."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.running = 0
        self.answers = True
        self.most_ready = 1_000
        self.twin: KedaTwin | None = None
        self._last: FleetState | None = None

    def observe(self, now_s, past_needs):
        if self.answers:
            replicas = 0 if self.twin is None else self.twin.replicas
            ready = min(replicas, self.most_ready)
            pools = {Pool.INTERACTIVE: PoolInstances(ready, busy_interactive=ready)}
            demand = InteractiveDemand(self.running)
            self._last = FleetState(now_s, pools, demand, past_needs=past_needs)
        return self._last


@contextlib.asynccontextmanager
async def served(fleet: Fleet, scaled: ScaledObject, **changes):
    """A server, the twin that asks it, and a step of both."""
    controller = Controller(fleet.observe, options(limits=LIMITS, **changes), gone_after_s=200)
    server = KedaServer(controller, lambda: fleet.now_s, "127.0.0.1:0")
    await server.start()
    fleet.twin = KedaTwin(f"127.0.0.1:{server.port}", scaled)

    async def tick(now_s: float) -> None:
        fleet.now_s = now_s
        await server.step()

    try:
        yield fleet.twin, tick, server
    finally:
        await fleet.twin.close()
        await server.stop()


INTERACTIVE = ScaledObject("interactive")


async def test_a_fleet_at_zero_wakes_follows_the_load_and_goes_to_zero_again():
    fleet = Fleet()
    async with served(fleet, INTERACTIVE) as (twin, tick, _):
        await twin.run(0, 60, tick)
        assert twin.replicas == 0
        fleet.running = 200
        await twin.run(60, 120, tick)
        assert twin.replicas == 5  # 4 and a quarter of headroom, no mixed pool to put it in
        fleet.running = 0
        await twin.run(120, 900, tick)
        assert twin.replicas == 0
    assert not twin.errors


async def test_each_sync_is_answered_the_same_however_often_it_asks():
    fleet = Fleet()
    fleet.running = 150
    async with served(fleet, INTERACTIVE) as (twin, tick, _):
        await tick(0.0)
        await twin.poll(0.0)
        counts = set()
        for _ in range(20):
            await twin.sync(0.0)
            counts.add(twin.replicas)
        assert len(counts) == 1


@pytest.mark.parametrize(("up_tolerance", "replicas"), [(0.0, 21), (0.1, 20)])
async def test_one_more_than_twenty_is_heard_only_without_the_default_tolerance(
    up_tolerance, replicas
):
    fleet = Fleet()
    scaled = replace(INTERACTIVE, up_tolerance=up_tolerance)
    async with served(fleet, scaled, headroom=0.0, band=0.0) as (twin, tick, _):
        fleet.running = 20 * 54
        await tick(0.0)
        await twin.poll(0.0)
        await twin.sync(0.0)
        assert twin.replicas == 20
        fleet.running = 21 * 54
        await tick(15.0)
        await twin.sync(15.0)
        assert twin.replicas == replicas


async def test_steady_load_never_goes_back_and_forth_between_one_and_two():
    fleet = Fleet()
    seen = set()
    for running in range(30, 120, 6):
        fleet.running = running
        async with served(fleet, INTERACTIVE, headroom=0.0) as (twin, tick, _):
            await twin.run(0, 300, tick)
            settled = twin.replicas
            for now_s in range(300, 600, 15):
                await tick(float(now_s))
                await twin.sync(float(now_s))
                assert twin.replicas == settled
            seen.add(settled)
    assert seen == {1, 2, 3}


async def test_pods_that_stay_pending_for_ten_minutes_are_not_asked_for_again_and_again():
    fleet = Fleet()
    fleet.running, fleet.most_ready = 200, 1
    async with served(fleet, INTERACTIVE) as (twin, tick, _):
        await twin.run(0, 60, tick)
        asked = twin.replicas
        for now_s in range(60, 660, 15):
            await tick(float(now_s))
            await twin.sync(float(now_s))
            assert twin.replicas == asked == 5


async def test_while_metrics_are_stale_nothing_goes_down_and_when_all_is_gone_the_fallback_acts():
    fleet = Fleet()
    fleet.running = 200
    async with served(fleet, replace(INTERACTIVE, fallback_replicas=7)) as (twin, tick, _):
        await twin.run(0, 60, tick)
        fleet.answers, fleet.running = False, 0
        await twin.run(60, 240, tick)
        assert (twin.replicas, twin.errors) == (5, [])
        await twin.run(240, 420, tick)
        assert twin.replicas == 7
        assert "old: expected at most 200 s" in twin.errors[0]


def test_an_autoscaler_that_is_started_anew_takes_nothing_away_before_its_window_is_over():
    twin = SimpleNamespace(replicas=8)
    fleet = Fleet()
    fleet.twin = twin
    controller = Controller(fleet.observe, options(limits=LIMITS, down_window_s=120.0))
    for now_s in range(0, 121, 15):
        controller.step(float(now_s))
        assert controller.wanted(Pool.INTERACTIVE, float(now_s)) == 8
    controller.step(135.0)
    assert controller.wanted(Pool.INTERACTIVE, 135.0) == 0


async def test_before_any_engine_answered_every_question_is_refused_not_answered_with_zero():
    fleet = Fleet()
    fleet.answers = False
    async with served(fleet, INTERACTIVE) as (twin, tick, _):
        twin.replicas = 3
        await twin.run(0, 60, tick)
        assert twin.replicas >= 3
        assert "nothing is known" in twin.errors[0]


@pytest.mark.parametrize("pool", ["mixed", "bulk", ""])
async def test_a_pool_that_nobody_configured_is_refused_by_name(pool):
    async with served(Fleet(), ScaledObject(pool)) as (twin, tick, _):
        twin.replicas = 1
        await tick(0.0)
        await twin.sync(0.0)
        assert f"{pool!r}" in twin.errors[0]
        assert "interactive" in twin.errors[0]


async def test_a_stream_tells_that_the_pool_wakes_at_once_and_ends_with_the_server():
    fleet = Fleet()
    async with served(fleet, INTERACTIVE) as (twin, tick, server):
        stream = rpc.ExternalScalerStub(twin.channel).StreamIsActive(INTERACTIVE.ref)
        waiting = asyncio.create_task(stream.read())
        await stream.wait_for_connection()
        await tick(0.0)
        assert not waiting.done()
        fleet.running = 5
        await tick(1.0)
        assert (await asyncio.wait_for(waiting, 10)).result
        await server.stop()
        assert await asyncio.wait_for(stream.read(), 10) is grpc.aio.EOF


async def test_a_client_that_hangs_up_in_a_stream_disturbs_nobody():
    fleet = Fleet()
    fleet.running = 60
    async with served(fleet, INTERACTIVE) as (twin, tick, _):
        channel = grpc.aio.insecure_channel(twin.target, options=[("grpc.enable_http_proxy", 0)])
        stream = rpc.ExternalScalerStub(channel).StreamIsActive(INTERACTIVE.ref)
        await stream.wait_for_connection()
        await channel.close()
        await tick(0.0)
        await twin.poll(0.0)
        await twin.sync(0.0)
        assert twin.replicas >= 1
        assert not twin.errors


async def test_a_value_is_sent_as_double_and_as_integer():
    fleet = Fleet()
    fleet.running = 60
    async with served(fleet, INTERACTIVE) as (twin, tick, _):
        await tick(0.0)
        request = pb.GetMetricsRequest(scaledObjectRef=INTERACTIVE.ref, metricName="any")
        value = (await rpc.ExternalScalerStub(twin.channel).GetMetrics(request)).metricValues[0]
        assert value.metricValue == value.metricValueFloat == 3
        assert value.metricName == "lengthwise-interactive-instances"


async def test_an_address_in_use_is_refused_by_name():
    async with served(Fleet(), INTERACTIVE) as (_, _, server):
        second = KedaServer(
            Controller(Fleet().observe, options()), lambda: 0.0, f"127.0.0.1:{server.port}"
        )
        with pytest.raises(InvalidConfigError, match=r"keda\.listen is 127\.0\.0\.1:\d+"):
            await second.start()
