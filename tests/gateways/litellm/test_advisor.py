"""The advisor behind the callback: places within the deadline, learning and reports from ends."""

import time

import pytest

from scheduler_client.advisor.connection import Connection
from scheduler_client.advisor.rate_limited_log import RateLimitedLog
from scheduler_client.gateways.api_request import ApiRequest
from scheduler_client.gateways.ending import Ending
from scheduler_client.gateways.litellm_advisor import LitellmAdvisor
from scheduler_client.gateways.litellm_call import FAILED
from tests.scheduler_client.advisor.helpers import (
    ScriptedClient,
    TurnedClock,
    prediction,
    settings,
    until,
)

US = 1_000_000
TYPICAL_TOKENS = 200
"""What an answer is taken for before any came; 0.02 s each, so four seconds."""


def call(text="hello", **fields):
    known = {"model": "llm", "max_tokens": None, "temperature": None, "priority": 0} | fields
    return ApiRequest(text, **known)


@pytest.fixture
async def client():
    return ScriptedClient()


@pytest.fixture
async def make(client):
    """Advisors that go by arrival and length, at a time of the test's own."""
    made = []

    def advisor(**options):
        own = {"rule": "aged", "rule_options": "weight=1", "deadline_s": 10.0} | options
        chosen = settings(**own)
        connection = Connection(chosen, lambda _: client)
        log = RateLimitedLog(time.monotonic)
        made.append(LitellmAdvisor(chosen, log, clock=TurnedClock(), connection=connection))
        return made[-1]

    yield advisor
    for one in made:
        await one.close()


async def test_a_call_is_placed_by_its_prediction(make):
    placed = await make().place("a", call("hello"))
    assert (placed.key, placed.expected_tokens) == (1_000 * US + 5 * US // 50, 5.0)


async def test_a_call_without_text_is_placed_by_what_is_typical(make, client):
    placed = await make().place("a", call(None))
    assert (placed.key, placed.expected_tokens) == (1_004 * US, TYPICAL_TOKENS)
    assert not client.queries


async def test_a_prediction_that_is_late_costs_the_deadline_and_no_more(make, client):
    client.hold.clear()
    placed = await make(deadline_s=0.05).place("a", call())
    assert placed.expected_tokens == TYPICAL_TOKENS


async def test_a_predictor_that_fails_costs_nothing_but_the_prediction(make, client):
    client.fault = ConnectionError("away")
    placed = await make().place("a", call())
    assert placed.expected_tokens == TYPICAL_TOKENS


async def test_a_prediction_that_can_be_none_is_taken_for_none(make, client):
    client.outcome = lambda prompt: prediction(float("nan"))
    placed = await make().place("a", call())
    assert (placed.key, placed.expected_tokens) == (1_004 * US, TYPICAL_TOKENS)


async def test_what_ended_is_reported_as_it_was_asked(make, client):
    advisor = make()
    await advisor.place("a", call("hello", max_tokens=50, temperature=0.5))
    advisor.ended("a", Ending("stop", 12))
    await until(lambda: client.reported)
    (report,) = client.reported
    assert (report.prompt, report.model, report.output_tokens) == ("hello", "llm", 12)
    assert (report.max_tokens, report.temperature, report.finish_reason) == (50, 0.5, "stop")
    (query,) = client.queries
    assert (query.prompt, query.model, query.max_tokens) == ("hello", "llm", 50)


async def test_what_was_cut_is_reported_as_cut_and_an_id_that_comes_again_as_another(make, client):
    advisor = make()
    for reason in ("length", "stop"):
        await advisor.place("a", call())
        advisor.ended("a", Ending(reason, 12))
    await until(lambda: len(client.reported) == 2)
    assert [report.finish_reason for report in client.reported] == ["length", "stop"]
    assert len({report.request_id for report in client.reported}) == 2


async def test_what_came_to_nothing_is_not_reported_nor_is_it_typical(make, client):
    advisor = make()
    for call_id, ending in (("a", Ending("abort", 900)), ("b", Ending("error")), ("c", FAILED)):
        await advisor.place(call_id, call())
        advisor.ended(call_id, ending)
    advisor.ended("never placed", Ending("stop", 900))
    await advisor.place("d", call(max_tokens=1))
    advisor.ended("d", Ending("length", 1))
    assert (await advisor.place("e", call(None))).expected_tokens == TYPICAL_TOKENS
    await advisor.place("f", call("last"))
    advisor.ended("f", Ending("stop", 7))
    await until(lambda: client.reported)
    assert [report.prompt for report in client.reported] == ["last"]


async def test_an_answer_of_another_model_teaches_nothing_but_that_the_call_is_over(
    make, client, monkeypatch
):
    advisor, heard = make(), []
    keys = advisor._gateway._keys
    monkeypatch.setattr(keys, "finished", lambda _arrival_s, one: heard.append(one.completed))
    for call_id, model in (("a", "fallback"), ("b", "llm"), ("c", "")):
        await advisor.place(call_id, call(call_id))
        advisor.ended(call_id, Ending("stop", 900), answered_by=model)
    assert heard == [False, True, True]
    await until(lambda: len(client.reported) == 2)
    assert [report.prompt for report in client.reported] == ["b", "c"]


async def test_answers_teach_what_is_typical_of_their_llm(make):
    advisor = make()
    await advisor.place("a", call("hello"))
    advisor.ended("a", Ending("stop", 40))
    assert (await advisor.place("b", call(None))).expected_tokens == 40


async def test_nothing_is_reported_where_that_is_off(make, client):
    advisor = make(report=False)
    await advisor.place("a", call())
    advisor.ended("a", Ending("stop", 12))
    await advisor.close()
    assert not client.reported


async def test_the_rule_learns_from_streams_how_long_calls_wait_and_run(make):
    """Forty calls that came at once and ran four at a time: the shortest gets a real head start."""
    advisor = make(rule="guarded", rule_options="")
    first = await advisor.place("first", call("x" * 50))
    for number in range(40):
        await advisor.place(str(number), call("x" * 100))
    for number in range(40):
        started_s = 1_000.0 + 10 * (number // 4)
        advisor.ended(str(number), Ending("stop", 100, 7, started_s, started_s + 10.0))
    for number in range(400):
        await advisor.place(f"waits {number}", call("x" * 100))
    last = await advisor.place("last", call("x" * 50))
    assert 1_000 * US - last.key > 4 * (1_000 * US - first.key)
