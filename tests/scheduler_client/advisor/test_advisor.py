"""Whatever happens, a request gets a key; and what ended is learnt from."""

import asyncio
import gc
import logging
import math
import sys
import threading
import time

import pytest

from lengthwise.scheduling import UniqueKeys, registry
from lengthwise.scheduling.keys import INT64_MAX, INT64_MIN
from scheduler_client.advisor import Advisor, key_maker
from scheduler_client.advisor.typical_lengths import START_TOKENS
from scheduler_client.errors import ServerUnavailableError
from tests.scheduler_client.advisor.helpers import (
    TurnedClock,
    ending,
    prediction,
    question,
    settings,
    until,
)

ROOMY = {"deadline_s": 10.0}


class BrokenRule:
    """Fails at everything."""

    name = "broken"

    def key(self, job):
        raise ZeroDivisionError("key")

    def finished(self, job):
        raise ZeroDivisionError("finished")


class WatchingRule:
    """First come, first served; remembers what it was told."""

    name = "watching"

    def __init__(self):
        self.queued, self.ended = [], []

    def key(self, job):
        self.queued.append(job)
        return int(job.arrival_s * 1e6)

    def finished(self, job):
        self.ended.append(job)


@pytest.fixture
def use_rule(monkeypatch):
    """Makes a rule known by its name."""

    def use(rule):
        kind = type(rule.name, (), {"name": rule.name, "__new__": lambda _: rule})
        monkeypatch.setattr(registry, "RULES", {**registry.RULES, rule.name: kind})
        return rule

    return use


async def test_a_prediction_orders_short_before_long(make_advisor, port):
    advisor = make_advisor(port=port, rule="aged", **ROOMY)
    now_s = time.time()
    long = await advisor.advise(question("a", "x" * 900, arrival_s=now_s))
    short = await advisor.advise(question("b", "x", arrival_s=now_s + 1))
    assert short.key < long.key


async def test_without_a_prediction_the_key_is_that_of_the_typical_length(make_advisor, port):
    advisor = make_advisor(port=port, rule="aged", rule_options={"weight": 1.0}, **ROOMY)
    port.fault = ServerUnavailableError("gone")
    advice = await advisor.advise(question(arrival_s=1_000.0, input_tokens=0))
    assert (advice.predicted_tokens, advice.distribution) == (START_TOKENS, None)
    assert advice.key == 1_000_000_000 + round(START_TOKENS * 0.02 * 1e6)


async def test_requests_without_predictions_keep_the_order_in_which_they_came(make_advisor, port):
    advisor = make_advisor(port=port, **ROOMY)
    port.fault = ServerUnavailableError("gone")
    keys = [
        (await advisor.advise(question(f"r{n}", arrival_s=1_000.0 + n / 10))).key for n in range(50)
    ]
    assert keys == sorted(keys)


async def test_no_two_keys_are_equal_and_all_are_int64(make_advisor, port):
    advisor = make_advisor(port=port, **ROOMY)
    keys = [(await advisor.advise(question(f"r{n}", arrival_s=5.0))).key for n in range(100)]
    keys += [advisor.fallback_key(question(f"f{n}", arrival_s=5.0)) for n in range(100)]
    keys += [advisor.fallback_key(question(f"e{n}", arrival_s=1e300)) for n in range(100)]
    assert len(set(keys)) == 300
    assert all(type(key) is int and INT64_MIN <= key <= INT64_MAX for key in keys)


FAULTS = [RuntimeError("a fault"), OSError(), ValueError(), KeyError("x"), AssertionError()]


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
async def test_any_exception_of_the_client_yields_advice(make_advisor, port, fault):
    advisor = make_advisor(port=port, **ROOMY)
    port.fault = fault
    advice = await advisor.advise(question())
    assert advice.fallback == "predictor_error"
    assert advice.predicted_tokens == START_TOKENS


async def test_a_rule_that_fails_yields_the_place_by_arrival(make_advisor, port, use_rule):
    use_rule(BrokenRule())
    advisor = make_advisor(port=port, rule="broken", **ROOMY)
    advice = await advisor.advise(question("r", arrival_s=7.0))
    assert (advice.key, advice.predicted_tokens) == (7_000_000, 5)
    assert advisor.fallback_key(question("f", arrival_s=8.0)) == 8_000_000
    advisor.finished(ending("r", 20))
    assert advisor.counters.internal_errors == 3
    await until(lambda: port.reported != [])  # what the rule failed at does not cost the report


async def test_a_predictor_that_cannot_be_dialled_yields_advice_and_is_dialled_again(
    make_advisor, port
):
    there = []

    def connect(_):
        if not there:
            raise ServerUnavailableError("no such host")
        return port

    advisor = Advisor(settings(breaker_failures=100, **ROOMY), connect=connect)
    assert (await advisor.advise(question())).fallback == "predictor_error"
    there.append(True)
    assert (await advisor.advise(question())).fallback is None
    await advisor.close()


@pytest.mark.parametrize("tokens", [math.nan, math.inf, -1.0])
async def test_a_prediction_that_can_be_none_is_not_believed(make_advisor, port, tokens):
    advisor = make_advisor(port=port, **ROOMY)
    port.outcome = lambda _: prediction(tokens)
    advice = await advisor.advise(question())
    assert (advice.fallback, advice.predicted_tokens) == ("predictor_error", START_TOKENS)


@pytest.mark.parametrize(
    "strange",
    [
        {"arrival_s": math.nan},
        {"arrival_s": math.inf},
        {"arrival_s": None},
        {"input_tokens": -5},
        {"max_tokens": 0},
        {"max_tokens": -3},
        {"max_tokens": 2**70},
        {"temperature": math.nan},
        {"model": "x" * 5_000},
        {"prompt": "\ud800"},
    ],
    ids=str,
)
async def test_any_strange_question_gets_a_key(make_advisor, running, strange):
    advisor = make_advisor(running.target, **ROOMY)
    advice = await advisor.advise(question("r", **strange))
    assert type(advice.key) is int
    assert type(advisor.fallback_key(question("f", **strange))) is int
    advisor.finished(ending("r"))
    advisor.forget("f")
    assert advisor.counters.requests_known == 0


@pytest.mark.parametrize(
    "strange",
    [
        {"prefill_s": math.nan},
        {"queued_s": -1.0},
        {"decode_s": -1.0},
        {"output_tokens": 0},
        {"output_tokens": -1},
        {"request_id": "never seen"},
        {"finish_reason": "abort", "output_tokens": 0},
    ],
    ids=str,
)
async def test_no_strange_ending_raises_or_spoils_what_follows(make_advisor, port, strange):
    advisor = make_advisor(port=port, **ROOMY)
    await advisor.advise(question("r"))
    advisor.finished(ending(**({"request_id": "r"} | strange)))
    assert (await advisor.advise(question("s"))).fallback is None


async def test_it_can_be_asked_after_it_was_closed(make_advisor, running):
    advisor = make_advisor(running.target, **ROOMY)
    await advisor.advise(question())
    await advisor.close()
    assert (await advisor.advise(question())).fallback == "predictor_error"
    advisor.finished(ending())
    await advisor.close()


def test_it_is_made_and_gives_fallback_keys_where_no_event_loop_runs(dead_target):
    advisor = Advisor(settings(dead_target))
    advisor.start()
    assert isinstance(advisor.fallback_key(question()), int)
    assert advisor.counters.fallbacks["not_asked"] == 1


async def test_an_event_loop_of_another_thread_gets_advice_too(make_advisor, running):
    advisor = make_advisor(running.target, deadline_s=0.2)
    await advisor.advise(question())
    advice = await asyncio.to_thread(lambda: asyncio.run(advisor.advise(question())))
    assert isinstance(advice.key, int)


async def test_what_ended_is_told_to_the_rule(make_advisor, port, use_rule):
    rule = use_rule(WatchingRule())
    advisor = make_advisor(port=port, rule="watching", **ROOMY)
    await advisor.advise(question("r", arrival_s=100.0))
    advisor.finished(
        ending("r", 42, finish_reason="length", queued_s=1.0, prefill_s=0.5, decode_s=2.0)
    )
    assert rule.queued[0].predicted_tokens == 5
    (job,) = rule.ended
    assert (job.arrival_s, job.queued_s, job.service_s) == (100.0, 1.0, 2.5)
    assert (job.input_tokens, job.output_tokens, job.censored) == (5, 42, True)


async def test_what_ended_sets_the_typical_length_and_the_engines_speed(make_advisor, port):
    advisor = make_advisor(port=port, **ROOMY)
    for n in range(300):
        advisor.fallback_key(question(f"r{n}", None))
        advisor.finished(ending(f"r{n}", 40, decode_s=40 * 0.005))
    advice = await advisor.advise(question(prompt=None))
    assert advice.predicted_tokens == 40
    assert advisor.counters.service_time.service_time_s(40, 5) == pytest.approx(0.21, rel=0.1)


async def test_an_aborted_request_teaches_nothing(make_advisor, port):
    advisor = make_advisor(port=port, **ROOMY)
    before = advisor.counters.service_time
    await advisor.advise(question("r"))
    advisor.finished(ending("r", 3, finish_reason="abort", decode_s=9.0))
    assert advisor.counters.service_time == before
    assert (await advisor.advise(question(prompt=None))).predicted_tokens == START_TOKENS


async def test_the_predictors_history_is_the_start_of_the_typical_length(make_advisor, running):
    advisor = make_advisor(running.target, **ROOMY)
    await advisor.advise(question("r"))

    async with asyncio.timeout(20):
        while (await advisor.advise(question("r", None))).predicted_tokens == START_TOKENS:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    advice = await advisor.advise(question("r", None))
    assert 105 < advice.predicted_tokens < 277  # the served median and 90 % quantile


async def test_the_errors_of_predictions_are_counted_where_the_length_is_known(make_advisor, port):
    advisor = make_advisor(port=port, **ROOMY)
    for request_id, tokens, reason in (("a", 15, "stop"), ("b", 1, "stop"), ("c", 99, "length")):
        await advisor.advise(question(request_id, "0123456789"))
        advisor.finished(ending(request_id, tokens, finish_reason=reason))
    assert advisor.counters.error_count == 2
    assert advisor.counters.absolute_error_sum_tokens == 5 + 9


async def test_the_latency_of_all_advice_is_counted(make_advisor, port):
    advisor = make_advisor(port=port, **ROOMY)
    for prompt in ("hello", None):
        await advisor.advise(question(prompt=prompt))
    counters = advisor.counters
    assert (counters.predictions, counters.fallbacks["no_text"]) == (1, 1)
    assert sum(counters.latency_counts) == 2
    assert counters.latency_sum_s > 0


async def test_the_llm_goes_by_the_name_that_the_predictor_knows(make_advisor, running, service):
    advisor = make_advisor(running.target, model="vicuna", **ROOMY)
    await advisor.advise(question("r"))
    advisor.finished(ending("r"))
    await until(lambda: service.stored)
    assert {completion.model for completion in service.stored.values()} == {"vicuna"}


async def test_a_cause_is_logged_once_a_minute(make_advisor, port, caplog):
    clock = TurnedClock()
    advisor = make_advisor(port=port, clock=clock, breaker_failures=1_000, **ROOMY)
    port.fault = ServerUnavailableError("gone")

    async def lines(count):
        caplog.clear()
        for _ in range(count):
            await advisor.advise(question())
        return [r.getMessage() for r in caplog.records if "no predictions" in r.getMessage()]

    with caplog.at_level(logging.WARNING, logger="lengthwise.advisor"):
        assert await lines(20) == ["no predictions: gone"]
        clock.now_s += 59
        assert await lines(5) == []
        clock.now_s += 1
        assert await lines(5) == ["no predictions: gone (24 more since it was last logged)"]


async def test_requests_may_end_on_another_thread_while_others_ask(make_advisor, port):
    advisor = make_advisor(port=port, **ROOMY)
    count = 2_000
    asked: list[str] = []
    done = threading.Event()

    def end_all():
        ended = 0
        while ended < count:
            if ended < len(asked):
                advisor.finished(ending(asked[ended], 20))
                ended += 1
        done.set()

    thread = threading.Thread(target=end_all)
    thread.start()
    for n in range(count):
        await advisor.advise(question(f"r{n}"))
        asked.append(f"r{n}")
    thread.join(60)
    assert done.is_set()
    await until(lambda: advisor.counters.reports_sent == count)
    counters = advisor.counters
    assert (counters.requests_known, counters.internal_errors) == (0, 0)
    assert (counters.error_count, counters.predictions) == (count, count)


async def test_a_request_that_goes_without_an_answer_is_counted_out_by_the_rule(
    make_advisor, use_rule
):
    rule = use_rule(WatchingRule())
    advisor = make_advisor(rule="watching")
    for arrival_s, request_id in ((100.0, "forgotten"), (101.0, "aborted")):
        advisor.fallback_key(question(request_id, arrival_s=arrival_s))
    advisor.forget("forgotten")
    advisor.forget("forgotten")
    advisor.finished(ending("aborted", 0, finish_reason="abort"))
    assert [(job.arrival_s, job.service_s) for job in rule.ended] == [(100.0, 0.0), (101.0, 0.0)]


async def test_memory_stays_bounded_over_100_000_requests_that_hardly_ever_end(
    make_advisor, monkeypatch
):
    """Half of them name an LLM of their own; the predictor is away."""
    monkeypatch.setattr(key_maker, "UniqueKeys", lambda: UniqueKeys(remembered=1_000))
    advisor = make_advisor(max_known=1_000, max_known_chars=100_000, report_queue=1_000)

    def ask(first, count):
        for n in range(first, first + count):
            model = f"llm-{n}" if n % 2 else "llm"
            advisor.fallback_key(question(f"r{n}", f"{n:0200}", model=model))
            if n % 4 == 0:
                advisor.finished(ending(f"r{n}"))

    def blocks():
        gc.collect()
        return sys.getallocatedblocks()

    ask(0, 50_000)
    before = blocks()
    ask(50_000, 50_000)
    assert blocks() - before < 5_000  # a single object kept of each request would be 50,000
    assert advisor.counters.requests_known <= 500
    assert advisor.counters.internal_errors == 0


async def test_a_request_that_never_ends_is_forgotten_in_time(make_advisor, port):
    clock = TurnedClock()
    advisor = make_advisor(port=port, clock=clock, known_for_s=60.0)
    advisor.fallback_key(question("old"))
    clock.now_s += 61
    advisor.fallback_key(question("new"))
    assert advisor.counters.requests_known == 1
