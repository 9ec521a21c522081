"""Tokens that each engine has left: predicted where reported, by the mean where not."""

from autoscaler.core.demand import Knowledge
from autoscaler.core.expectation import Expectation
from autoscaler.core.fleet import Pool
from autoscaler.core.slo import RequestClass, RequestPromise
from autoscaler.edges.demand.open_requests import OpenRequests
from autoscaler.edges.demand.report import OpenRequest, Progress, Report
from autoscaler.edges.engine_metrics import EngineSample
from autoscaler.edges.observer import FleetObserver
from autoscaler.edges.work_left import WorkLeft
from tests.autoscaler.states import options

URLS = {Pool.BATCH: ["http://10.0.0.1:8000/metrics", "http://10.0.0.2:8000/metrics"]}


def observer() -> FleetObserver:
    samples = {URLS[Pool.BATCH][0]: EngineSample(3, 1, 0, 0, 0)}
    engines = FleetObserver(URLS, options(), 256.0, samples.get)
    engines.observe(0.0)
    return engines


def test_without_reports_an_engine_has_its_requests_times_the_mean_left():
    assert WorkLeft(observer(), None).by_engine(0.0) == {"10.0.0.1:8000": 4 * 256.0}


def test_reported_requests_count_as_predicted_and_the_others_by_the_mean():
    requests = OpenRequests(256.0)
    known = Expectation.from_moments(1_000.0, 0.0, Knowledge.PREDICTIONS)
    promise = RequestPromise(RequestClass.INTERACTIVE)
    arrivals = [OpenRequest(name, "g", 0.0, promise, predicted=known) for name in "abc"]
    progress = [Progress(name, 900.0, "10.0.0.1:8000") for name in "ab"]
    requests.take(Report("g", arrivals, progress), 0.0)
    assert WorkLeft(observer(), requests).by_engine(1.0) == {"10.0.0.1:8000": 2 * 100.0 + 2 * 256.0}
