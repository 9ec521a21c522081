"""What the tail guard promises to a queue."""

import random

from lengthwise.scheduling import make_rule
from tests.lengthwise.scheduling.queues import job, served


def overload(load: float, requests: int, seed: int, slots: int = 1) -> list[tuple[float, float]]:
    """Requests of log-normal length, Poisson arrivals."""
    source = random.Random(seed)
    now_s = 0.0
    jobs: list[tuple[float, float]] = []
    for _ in range(requests):
        now_s += source.expovariate(load * slots)
        jobs.append((now_s, source.lognormvariate(-0.32, 0.8)))
    return jobs


def warm(rule, arrivals: int = 100) -> float:
    """Lengths from 0.1 to 10 seconds, come and not yet ended; when the next may come."""
    for i in range(arrivals):
        rule.key(job(float(i), (i % 100 + 1) / 10))
    return float(arrivals)


def test_the_long_are_served_in_the_order_they_came():
    rule = make_rule("guarded")
    now_s = warm(rule)
    assert rule.key(job(now_s, 10.0)) < rule.key(job(now_s + 0.001, 9.0))


def test_the_long_get_no_handicap_so_none_is_put_off_by_what_is_learnt_later():
    rule = make_rule("guarded")
    now_s = warm(rule)
    assert rule.key(job(now_s, 10.0)) == round(now_s * 1e6)
    served(rule, [(t + now_s, s) for t, s in overload(2.0, 300, 1)])
    later_s = now_s + 1e4
    assert rule.key(job(later_s, 100.0)) == round(later_s * 1e6)


def test_the_head_start_of_the_short_grows_with_the_queue():
    rule = make_rule("guarded")
    served(rule, overload(0.2, 200, 2))
    quiet_s = 1e7 - rule.key(job(1e7, 0.01)) / 1e6
    for i in range(50):
        rule.key(job(1e7 + 1 + i / 100, 1.0))
    busy_s = 1e7 + 2 - rule.key(job(1e7 + 2, 0.01)) / 1e6
    assert busy_s > 10 * max(quiet_s, 0.1)


def test_the_longest_wait_in_a_burst_stays_near_that_of_first_come_first_served():
    for seed in range(3):
        jobs = overload(2.0, 400, seed)
        in_order = max(served(make_rule("off"), jobs))
        assert max(served(make_rule("guarded"), jobs)) < 1.3 * in_order
        assert max(served(make_rule("shortest"), jobs)) > 1.5 * in_order


def test_a_request_waits_no_longer_for_what_comes_long_after_it():
    """Overload for ever: shortest first never serves the longest, the tail guard does."""
    jobs = overload(1.5, 1500, 4)
    jobs[10] = (jobs[10][0], 20.0)
    end_s = jobs[-1][0]
    assert jobs[10][0] + served(make_rule("guarded"), jobs)[10] < end_s / 4
    assert jobs[10][0] + served(make_rule("shortest"), jobs)[10] > end_s


def test_options_of_0_are_first_come_first_served():
    rule = make_rule("guarded", steady=0, burst=0, floor=0)
    jobs = overload(1.2, 300, 5)
    assert served(rule, jobs) == served(make_rule("off"), jobs)


def test_the_order_is_the_same_on_a_clock_that_counts_from_1970():
    jobs = [(round(t * 64) / 64, s) for t, s in overload(1.5, 400, 6, slots=4)]
    since_1970 = [(t + 2**30, s) for t, s in jobs]
    waits = served(make_rule("guarded"), jobs, 4)
    late = served(make_rule("guarded"), since_1970, 4)
    same = sum(abs(one - other) < 1e-3 for one, other in zip(waits, late, strict=True))
    assert same > 0.9 * len(jobs)
