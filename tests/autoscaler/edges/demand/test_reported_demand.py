"""Reports and engines' metrics as one state, and the steps down when one of them is missing."""

from dataclasses import replace

import pytest

from autoscaler.core.decide import decide
from autoscaler.core.demand import Knowledge
from autoscaler.core.expectation import Expectation
from autoscaler.core.fleet import FleetState, Pool
from autoscaler.core.options import PoolLimits
from autoscaler.core.slo import RequestClass, RequestPromise
from autoscaler.edges.controller import Controller
from autoscaler.edges.demand.demand_state import ReportedDemand, batch_groups, left_by_engine
from autoscaler.edges.demand.open_requests import OpenRequests
from autoscaler.edges.demand.report import OpenRequest, Progress, Report
from autoscaler.edges.engine_metrics import EngineSample
from autoscaler.edges.observer import FleetObserver
from autoscaler.edges.sources import FirstFresh, OnceALook
from autoscaler.errors import StaleFleetError
from tests.autoscaler.states import fleet, options

INTERACTIVE = RequestPromise(RequestClass.INTERACTIVE)
NOW_S = 1_000.0


def expected(tokens: float, variance: float = 0.0) -> Expectation:
    return Expectation.from_moments(tokens, variance, Knowledge.PREDICTIONS)


def request(name: str, deadline_s: float | None = None, **changes) -> OpenRequest:
    promise = INTERACTIVE if deadline_s is None else RequestPromise(RequestClass.BATCH, deadline_s)
    return OpenRequest(name, "gateway", NOW_S, promise, **changes)


def reported(*requests: OpenRequest, progress=(), seen: FleetState | None = None) -> FleetState:
    """The state of these requests, with three instances of each pool that answer."""
    known = OpenRequests(256.0)
    known.take(Report("gateway", requests, progress), NOW_S)
    source = ReportedDemand(known, lambda *_: seen or fleet(3, 3, 3), options())
    state = source.observe(NOW_S)
    assert state is not None
    return state


def test_requests_are_told_apart_by_class_and_by_what_has_begun():
    state = reported(
        request("a", predicted=expected(100.0)),
        request("b", predicted=expected(300.0), input_tokens=40.0),
        request("c", 600.0, predicted=expected(1_000.0, 50.0)),
        progress=[Progress("a", 30.0)],
    )
    assert state.interactive.running == 1
    assert (state.interactive.waiting.requests, state.interactive.waiting.mean_tokens) == (1, 300.0)
    assert state.interactive.waiting.input_tokens == 40.0
    (group,) = state.batch
    assert (group.demand.mean_tokens, group.demand.variance_tokens2) == (1_000.0, 50.0)
    assert state.knowledge is Knowledge.PREDICTIONS
    assert state.instances(Pool.BATCH).ready == 3


def test_of_a_batch_request_that_runs_its_rest_counts_and_never_nothing():
    state = reported(
        request("a", 600.0, predicted=expected(1_000.0), input_tokens=9.0),
        request("b", 600.0, predicted=expected(50.0)),
        progress=[Progress("a", 400.0), Progress("b", 80.0)],
    )
    assert state.batch[0].demand.mean_tokens == 601.0
    assert state.batch[0].demand.input_tokens == 0.0


def test_batch_requests_due_at_about_the_same_time_are_one_group_due_with_the_first():
    known = [
        (request(str(due_s), due_s, predicted=expected(10.0)), expected(10.0))
        for due_s in (600.0, 604.0, 609.0, 3_600.0)
    ]
    groups = {group.deadline_s: group.demand.requests for group in batch_groups(known)}
    assert groups == {1_590.0: 2, 1_605.0: 1, 4_590.0: 1}


def test_long_answers_hold_their_slots_at_the_horizon_and_short_ones_do_not():
    # A step of a full batch takes 0.084 s: 60 s are 714 tokens.
    short, long = (
        reported(*(request(str(n), predicted=expected(tokens)) for n in range(200)))
        for tokens in (300.0, 3_000.0)
    )
    assert short.interactive.forecast is not None
    assert long.interactive.forecast is not None
    assert long.interactive.forecast.mean_slots > short.interactive.forecast.mean_slots + 150


def observed(**samples: EngineSample) -> FleetState:
    """What the metrics say of one engine in each of some pools."""
    urls = {Pool(name): [name] for name in samples}
    state = FleetObserver(urls, options(), 256.0, samples.get).observe(NOW_S)
    assert state is not None
    return state


def holding(requests: int) -> EngineSample:
    return EngineSample(requests, 0, 0, 0, 0)


def batch_requests(state: FleetState) -> int:
    return sum(group.demand.requests for group in state.batch)


def test_what_engines_hold_and_nobody_reported_counts_as_running():
    state = reported(request("x"), seen=observed(interactive=EngineSample(50, 10, 0, 0, 0)))
    assert state.interactive.running == 59
    assert state.interactive.forecast is not None
    assert state.interactive.forecast.mean_slots > 0


def test_of_a_report_with_nothing_in_it_batch_engines_hold_what_their_metrics_say():
    seen = observed(interactive=holding(10), mixed=holding(5), batch=EngineSample(40, 260, 0, 0, 0))
    state = reported(seen=seen)
    assert state.interactive.running == 15
    assert state.batch == seen.batch
    assert batch_requests(state) == 300


def test_reported_batch_requests_explain_what_batch_engines_hold_before_the_rest_counts():
    state = reported(
        *(request(str(n), 600.0, predicted=expected(100.0)) for n in range(30)),
        seen=observed(interactive=holding(10), batch=holding(50)),
    )
    assert state.interactive.running == 10
    groups = {group.deadline_s: group.demand for group in state.batch}
    assert {due_s: demand.requests for due_s, demand in groups.items()} == {
        1_590.0: 30,
        NOW_S + 3_600.0: 20,
    }
    assert groups[NOW_S + 3_600.0].mean_tokens == pytest.approx(20 * 256.0)


def test_requests_that_wait_for_batch_engines_hide_no_others():
    seen = observed(interactive=holding(40), mixed=holding(6), batch=holding(0))
    state = reported(*(request(str(n), 600.0) for n in range(1_000)), seen=seen)
    assert state.interactive.running == 40
    assert batch_requests(state) == 1_000


def test_interactive_requests_that_wait_hide_nothing_in_batch_engines():
    seen = observed(interactive=holding(0), batch=holding(70))
    state = reported(*(request(str(n)) for n in range(100)), seen=seen)
    assert state.interactive.running == 0
    assert batch_requests(state) == 70


def test_where_there_is_but_the_interactive_pool_it_holds_the_batch_requests_too():
    seen = observed(interactive=holding(25))
    state = reported(request("x"), *(request(str(n), 600.0) for n in range(20)), seen=seen)
    assert state.interactive.running + state.interactive.waiting.requests == 5
    assert batch_requests(state) == 20


def test_the_state_is_as_old_as_the_older_of_reports_and_metrics():
    old = replace(fleet(3), observed_s=NOW_S - 50)
    state = reported(request("x"), seen=old)
    assert state.observed_s == NOW_S - 50
    assert decide(state, NOW_S, options()).held


def test_work_left_is_summed_by_engine():
    known = OpenRequests(256.0)
    requests = [request(name, predicted=expected(100.0)) for name in "abc"]
    progress = [Progress("a", 30.0, "10.0.0.1:8000"), Progress("b", 0.0, "10.0.0.1:8000")]
    known.take(Report("gateway", requests, progress), NOW_S)
    snapshot = known.snapshot(NOW_S)
    assert snapshot is not None
    assert left_by_engine(snapshot) == {"10.0.0.1:8000": (2, 170.0)}


class Loop:
    """The whole chain on a clock of the test's: reports, engines, and the controller."""

    def __init__(self) -> None:
        self.requests = OpenRequests(256.0, silent_after_s=45.0)
        self.samples: dict[str, EngineSample | None] = {
            name: EngineSample(0, 0, 0, 0, 0) for name in ("a", "b", "c", "d")
        }
        opts = options(limits={pool: PoolLimits(0, 50) for pool in Pool})
        engines = FleetObserver(
            {Pool.INTERACTIVE: ["a", "b"], Pool.BATCH: ["c", "d"]}, opts, 256.0, self.samples.get
        )
        once = OnceALook(engines.observe).observe
        sources = [ReportedDemand(self.requests, once, opts).observe, once]
        self.controller = Controller(
            FirstFresh(sources, opts.stale_after_s).observe, opts, gone_after_s=300.0
        )

    def batch(self, now_s: float):
        decision = self.controller.step(now_s)
        assert decision is not None
        return decision.pools[Pool.BATCH]


def _job(count: int, tokens: float | None, prefix: str = "", **changes) -> list[OpenRequest]:
    told = None if tokens is None else expected(tokens)
    return [request(f"{prefix}{n}", 600.0, predicted=told, **changes) for n in range(count)]


@pytest.mark.parametrize(
    ("tokens", "learnt", "phrase", "wanted"),
    [
        # 600 s, of which new ones miss a start-up: 64 slots give 762 tokens a second.
        (2_000.0, None, "predicted lengths", 6),
        (None, "job", "the job's own mean length", 6),
        (None, "other job", "the LLM's mean length", 6),
        (None, None, "requests counted at the configured length", 1),
    ],
)
def test_with_the_predictor_away_a_decision_steps_down_and_says_what_it_rests_on(
    tokens, learnt, phrase, wanted
):
    loop = Loop()
    if learnt is not None:
        past = _job(20, None, "past", llm="m", job=learnt)
        loop.requests.take(Report("gateway", past), NOW_S)
        endings = dict.fromkeys((one.request_id for one in past), 2_000.0)
        loop.requests.take(Report("gateway", endings=endings), NOW_S)
    loop.requests.take(Report("gateway", _job(1_300, tokens, llm="m", job="job")), NOW_S)
    decided = loop.batch(NOW_S)
    assert phrase in decided.reason
    assert decided.wanted == pytest.approx(wanted, abs=1)


def test_while_metrics_are_stale_nothing_changes_then_the_question_fails_and_never_a_zero():
    loop = Loop()
    loop.requests.take(Report("gateway", _job(1_300, 2_000.0)), NOW_S)
    before = loop.batch(NOW_S).wanted
    assert before >= 4
    endings: dict[str, float | None] = {str(n): 2_000.0 for n in range(1_300)}
    loop.requests.take(Report("gateway", endings=endings), NOW_S)
    loop.samples.clear()
    for now_s in range(1_060, 1_300, 15):
        loop.requests.take(Report("gateway"), float(now_s))
        assert loop.batch(now_s).wanted == before
        assert loop.controller.wanted(Pool.BATCH, now_s) == before
    with pytest.raises(StaleFleetError, match="expected at most 300 s"):
        loop.controller.wanted(Pool.BATCH, NOW_S + 301)


def test_when_no_gateway_reports_any_more_the_metrics_alone_decide():
    loop = Loop()
    loop.requests.take(Report("gateway", _job(1_300, 2_000.0)), NOW_S)
    assert "predicted" in loop.batch(NOW_S).reason
    loop.samples["c"] = EngineSample(30, 300, 0, 0, 0)
    assert "predicted" in loop.batch(NOW_S + 30).reason
    assert "configured length" in loop.batch(NOW_S + 60).reason


def test_no_answer_comes_before_an_engine_answered_however_much_is_reported():
    loop = Loop()
    loop.samples.clear()
    loop.requests.take(Report("gateway", _job(1_300, 2_000.0)), NOW_S)
    assert loop.controller.step(NOW_S) is None
    with pytest.raises(StaleFleetError, match="nothing is known"):
        loop.controller.wanted(Pool.BATCH, NOW_S)


def test_engines_that_vanish_all_at_once_are_missing_and_not_gone(monkeypatch):
    addresses = ["http://10.0.0.1:8000/metrics", "http://10.0.0.2:8000/metrics"]
    monkeypatch.setattr("autoscaler.edges.observer.engine_urls", lambda _: list(addresses))
    opts = options(limits={Pool.INTERACTIVE: PoolLimits(0, 50)}, down_window_s=0.0)
    busy = EngineSample(40, 0, 0, 0, 0)
    engines = FleetObserver({Pool.INTERACTIVE: ["x"]}, opts, 256.0, lambda _: busy)
    controller = Controller(engines.observe, opts, gone_after_s=300.0)
    controller.step(0.0)
    before = controller.wanted(Pool.INTERACTIVE, 0.0)
    addresses.clear()
    for now_s in range(15, 290, 15):
        controller.step(now_s)
        assert controller.wanted(Pool.INTERACTIVE, now_s) == before >= 2
    with pytest.raises(StaleFleetError):
        controller.wanted(Pool.INTERACTIVE, 301.0)
