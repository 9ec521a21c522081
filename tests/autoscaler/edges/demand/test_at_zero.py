"""A fleet without any instance: seen to go there, or found so by an autoscaler started anew."""

from dataclasses import replace

import pytest

from autoscaler.core.fleet import Pool
from autoscaler.core.options import PoolLimits
from autoscaler.core.slo import RequestClass, RequestPromise
from autoscaler.edges.controller import Controller
from autoscaler.edges.demand.demand_state import ReportedDemand
from autoscaler.edges.demand.open_requests import OpenRequests
from autoscaler.edges.demand.report import OpenRequest, Report
from autoscaler.edges.engine_metrics import EngineSample
from autoscaler.edges.observer import FleetObserver
from autoscaler.edges.sources import FirstFresh, OnceALook
from autoscaler.errors import NameServerError, StaleFleetError
from tests.autoscaler.states import options

ASKED = OpenRequest("x", "gateway", 0.0, RequestPromise(RequestClass.INTERACTIVE))


class Loop:
    """Reports, names whose addresses a test sets, and the controller, on a clock of the test's."""

    def __init__(self, *, least: int = 0) -> None:
        self.addresses: list[str] | None = []
        self.requests = OpenRequests(256.0)
        opts = options(limits={Pool.INTERACTIVE: PoolLimits(least, 50)}, down_window_s=0.0)
        urls = {Pool.INTERACTIVE: ["dns+http://vllm:8000"]}
        idle = EngineSample(0, 0, 0, 0, 0)
        engines = FleetObserver(urls, opts, 256.0, lambda _: idle, patient=True)
        once = OnceALook(engines.observe).observe
        known = ReportedDemand(self.requests, once, opts, lambda: engines.has_no_address)
        sources = [known.observe, once]
        self.controller = Controller(FirstFresh(sources, 45.0).observe, opts, gone_after_s=300.0)

    def resolve(self, _: str) -> list[str]:
        if self.addresses is None:
            raise NameServerError("the name server is away")
        return list(self.addresses)

    def wanted(self, now_s: float, *, reports: bool = True) -> int | None:
        """What KEDA would be told after one more look; None for a refusal."""
        if reports:
            self.requests.take(Report("gateway"), now_s)
        self.controller.step(now_s)
        try:
            return self.controller.wanted(Pool.INTERACTIVE, now_s)
        except StaleFleetError:
            return None

    def ask(self, now_s: float) -> None:
        self.requests.take(Report("gateway", [replace(ASKED, arrived_s=now_s)]), now_s)


@pytest.fixture
def started(monkeypatch):
    def start(**changes) -> Loop:
        loop = Loop(**changes)
        monkeypatch.setattr("autoscaler.edges.observer.engine_urls", loop.resolve)
        return loop

    return start


def test_a_fleet_at_zero_wakes_by_what_is_reported_and_goes_on_while_its_first_pod_starts(started):
    loop = started()
    loop.addresses = ["http://10.0.0.1:8000/metrics"]
    assert loop.wanted(0.0) == 0
    loop.addresses.clear()
    for now_s in range(15, 900, 15):  # at zero for longer than anything may be old
        assert loop.wanted(now_s) == 0
    loop.ask(900.0)
    for now_s in range(900, 1_500, 15):  # pending for ten minutes
        assert loop.wanted(now_s) == 2
    loop.addresses.append("http://10.0.0.2:8000/metrics")
    loop.requests.take(Report("gateway", endings={"x": 5.0}), 1_500.0)
    assert loop.wanted(1_500.0) == 0


def test_an_autoscaler_that_starts_while_the_fleet_is_at_zero_knows_so_after_three_looks(started):
    loop = started()
    assert [loop.wanted(15.0 * look) for look in range(8)] == [None, None, *[0] * 6]
    loop.ask(120.0)
    for now_s in range(120, 720, 15):
        assert loop.wanted(now_s) == 2
    loop.addresses.append("http://10.0.0.1:8000/metrics")
    assert loop.wanted(720.0) == 2


def test_it_wakes_the_fleet_by_what_was_reported_before_it_knew(started):
    loop = started()
    loop.ask(0.0)
    assert [loop.wanted(15.0 * look) for look in range(5)] == [None, None, 2, 2, 2]


def test_while_nobody_reports_what_is_asked_for_a_fleet_that_was_never_seen_stays_unknown(started):
    loop = started()
    assert [loop.wanted(15.0 * look, reports=False) for look in range(8)] == [None] * 8


def test_a_fleet_that_may_not_be_at_zero_is_missing_and_not_at_zero(started):
    loop = started(least=1)
    loop.ask(0.0)
    assert [loop.wanted(15.0 * look) for look in range(8)] == [None] * 8


def test_while_the_name_server_is_away_nothing_is_known_of_a_fleet_that_was_never_seen(started):
    loop = started()
    loop.addresses = None
    loop.ask(0.0)
    assert [loop.wanted(15.0 * look) for look in range(8)] == [None] * 8
