"""Reports taken in: again, in any order, too many, and for how long they count."""

import pytest

from autoscaler.core.demand import Knowledge
from autoscaler.core.expectation import Expectation
from autoscaler.core.slo import RequestClass, RequestPromise
from autoscaler.edges.demand import open_requests
from autoscaler.edges.demand.learnt_means import LEAST_ENDED, LearntMeans
from autoscaler.edges.demand.open_requests import OpenRequests
from autoscaler.edges.demand.report import OpenRequest, Progress, Report
from autoscaler.errors import TooManyReportersError

INTERACTIVE = RequestPromise(RequestClass.INTERACTIVE)
BATCH = RequestPromise(RequestClass.BATCH, 600.0)


def request(name: str, at_s: float = 0.0, **changes) -> OpenRequest:
    return OpenRequest(
        name, changes.pop("reporter", "a"), at_s, changes.pop("promise", INTERACTIVE), **changes
    )


def came(*requests: OpenRequest, reporter: str = "a") -> Report:
    return Report(reporter, requests)


def open_now(requests: OpenRequests, now_s: float) -> list[str]:
    known = requests.snapshot(now_s)
    return [] if known is None else [one.request_id for one, _ in known.requests]


def test_nothing_is_known_before_anybody_reported():
    assert OpenRequests(256.0).snapshot(0.0) is None


def test_a_report_with_nothing_in_it_says_that_nothing_is_open():
    requests = OpenRequests(256.0)
    requests.take(Report("a"), 5.0)
    known = requests.snapshot(7.0)
    assert known is not None
    assert (known.heard_s, known.requests, known.arrivals_per_s) == (5.0, [], 0.0)


def test_a_request_is_open_from_its_arrival_to_its_ending():
    requests = OpenRequests(256.0)
    requests.take(came(request("x"), request("y")), 0.0)
    requests.take(Report("a", endings={"x": 40.0}), 1.0)
    assert open_now(requests, 2.0) == ["y"]


def test_the_same_report_again_changes_nothing():
    requests = OpenRequests(256.0)
    report = Report("a", [request("x"), request("y")], [Progress("x", 5.0)], {"y": 40.0})
    for _ in range(3):
        assert requests.take(report, 0.0) == []
    known = requests.snapshot(1.0)
    assert known is not None
    assert [(one.request_id, one.generated_tokens) for one, _ in known.requests] == [("x", 5.0)]
    # Two came, in the least time that a rate is reckoned over.
    assert known.arrivals_per_s == pytest.approx(2 / 15)


def test_an_arrival_that_is_told_after_its_ending_opens_nothing():
    requests = OpenRequests(256.0)
    requests.take(Report("a", endings={"x": None}), 0.0)
    requests.take(came(request("x")), 1.0)
    assert open_now(requests, 1.0) == []


def test_progress_never_goes_back_and_of_nobody_is_ignored():
    requests = OpenRequests(256.0)
    requests.take(came(request("x")), 0.0)
    for tokens, engine in ((50.0, "10.0.0.1:8000"), (20.0, "")):
        requests.take(Report("a", progress=[Progress("x", tokens, engine)]), 1.0)
    requests.take(Report("a", progress=[Progress("nobody", 9.0)]), 1.0)
    known = requests.snapshot(1.0)
    assert known is not None
    assert [(one.generated_tokens, one.engine) for one, _ in known.requests] == [
        (50.0, "10.0.0.1:8000")
    ]


def test_a_prediction_that_is_told_later_is_taken_in_and_another_one_is_not():
    requests = OpenRequests(256.0)
    for tokens in (None, 80.0, 90.0):
        told = None if tokens is None else Expectation.from_mean(tokens, Knowledge.PREDICTIONS)
        requests.take(came(request("x", predicted=told)), 0.0)
    known = requests.snapshot(0.0)
    assert known is not None
    assert [told.mean_tokens for _, told in known.requests] == [80.0]


def test_more_requests_than_may_be_open_are_left_out_and_told():
    requests = OpenRequests(256.0, most_requests=2)
    faults = requests.take(came(*(request(name) for name in "xyz")), 0.0)
    assert len(faults) == 1
    assert "'z' is left out: 2 are open" in faults[0]
    requests.take(Report("a", endings={"x": None}), 0.0)
    assert requests.take(came(request("z")), 0.0) == []


def test_what_is_remembered_of_endings_is_bounded():
    requests = OpenRequests(256.0, most_requests=10)
    requests.take(Report("a", endings={str(number): None for number in range(1_000)}), 0.0)
    assert len(requests._ended) == 10


def test_requests_expire_some_time_after_their_arrival_or_their_deadline():
    requests = OpenRequests(256.0, expire_after_s=100.0)
    requests.take(came(request("talk"), request("job", promise=BATCH)), 0.0)
    for now_s, names in ((99.0, ["talk", "job"]), (101.0, ["job"]), (701.0, [])):
        requests.take(Report("a"), now_s)
        assert open_now(requests, now_s) == names


def test_what_a_silent_reporter_told_counts_no_more_beside_one_that_is_heard_until_it_is_back():
    requests = OpenRequests(256.0, silent_after_s=45.0)
    requests.take(came(request("x")), 0.0)
    requests.take(came(request("y", reporter="b"), reporter="b"), 0.0)
    requests.take(Report("b"), 50.0)
    assert open_now(requests, 50.0) == ["y"]
    requests.take(Report("a"), 51.0)
    assert open_now(requests, 51.0) == ["x", "y"]


def test_while_all_are_silent_nothing_is_forgotten_and_it_grows_old():
    requests = OpenRequests(256.0, silent_after_s=45.0)
    requests.take(came(request("x")), 0.0)
    known = requests.snapshot(300.0)
    assert known is not None
    assert (known.heard_s, len(known.requests)) == (0.0, 1)


def test_reporters_that_make_up_new_names_are_refused_beyond_a_number(monkeypatch):
    monkeypatch.setattr(open_requests, "MOST_REPORTERS", 3)
    requests = OpenRequests(256.0)
    for name in "abc":
        requests.take(Report(name), 0.0)
    with pytest.raises(TooManyReportersError, match="'d' is new and 3 others"):
        requests.take(Report("d"), 0.0)
    requests.take(Report("a"), 1.0)


def test_what_a_gateway_tells_again_after_another_counts_as_its_own():
    requests = OpenRequests(256.0)
    requests.take(came(request("x", promise=BATCH)), 0.0)
    requests.take(came(request("x", promise=BATCH, reporter="b"), reporter="b"), 300.0)
    assert open_now(requests, 301.0) == ["x"]


def test_a_gateway_that_is_gone_for_long_leaves_its_places_to_others():
    requests = OpenRequests(256.0, most_requests=1, expire_after_s=600.0)
    late = RequestPromise(RequestClass.BATCH, 1e6)
    requests.take(came(request("x", promise=late)), 0.0)
    assert requests.take(came(request("y", 10.0, reporter="b"), reporter="b"), 10.0)
    requests.take(Report("b"), 605.0)
    assert open_now(requests, 610.0) == []
    assert not requests.take(came(request("z", 611.0, reporter="b"), reporter="b"), 611.0)
    assert open_now(requests, 612.0) == ["z"]


def test_requests_that_came_before_anybody_counted_are_no_flood():
    requests = OpenRequests(256.0)
    requests.take(came(*(request(f"r{n}", -float(n)) for n in range(1, 600))), 0.0)
    known = requests.snapshot(1.0)
    assert known is not None
    assert len(known.requests) == 599
    assert known.arrivals_per_s == 0.0


def test_arrivals_are_counted_over_two_minutes():
    requests = OpenRequests(256.0)
    for second in range(300):
        requests.take(came(request(str(second), float(second))), float(second))
    known = requests.snapshot(300.0)
    assert known is not None
    assert known.arrivals_per_s == pytest.approx(1.0, rel=0.02)


def test_without_a_prediction_a_request_steps_down_to_its_job_its_llm_and_the_configured_length():
    requests = OpenRequests(256.0)

    def known_of(llm: str, job: str) -> tuple[Knowledge, float]:
        requests.take(came(request(f"{llm}/{job}", llm=llm, job=job)), 0.0)
        known = requests.snapshot(0.0)
        assert known is not None
        (told,) = [told for one, told in known.requests if one.request_id == f"{llm}/{job}"]
        requests.take(Report("a", endings={f"{llm}/{job}": None}), 0.0)
        return told.knowledge, told.mean_tokens

    assert known_of("m", "mails") == (Knowledge.REQUESTS, 256.0)
    for job, tokens in (("mails", 100.0), ("code", 300.0)):
        names = [f"{job}{number}" for number in range(LEAST_ENDED)]
        requests.take(came(*(request(name, llm="m", job=job) for name in names)), 0.0)
        requests.take(Report("a", endings=dict.fromkeys(names, tokens)), 0.0)
    requests = _renamed(requests)
    assert known_of("m", "new mails") == (Knowledge.LLM_MEAN, pytest.approx(200.0))
    assert known_of("m", "code") == (Knowledge.JOB_MEAN, pytest.approx(300.0))
    assert known_of("other", "code") == (Knowledge.REQUESTS, 256.0)


def _renamed(requests: OpenRequests) -> OpenRequests:
    """The same with no memory of endings, so that a test may use a name again."""
    requests._ended.clear()
    return requests


def test_a_mean_counts_from_some_answers_on_follows_them_and_is_kept_of_a_bounded_number(
    monkeypatch,
):
    monkeypatch.setattr("autoscaler.edges.demand.learnt_means.MOST_KEPT", 4)
    means = LearntMeans()
    for number in range(LEAST_ENDED):
        assert means.of_llm("m") is None
        means.learn("m", "", 100.0 + number)
    assert means.of_llm("m") == pytest.approx(104.5)
    for _ in range(1_000):
        means.learn("m", "", 500.0)
    assert means.of_llm("m") == pytest.approx(500.0, rel=0.01)
    for number in range(50):
        means.learn(f"m{number}", "", 1.0)
    assert len(means._means) == 4
