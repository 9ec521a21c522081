"""Asking for predictions: gathered, bounded, and never for ever."""

import asyncio
import logging
from functools import partial

import pytest

from lengthwise.prediction import Prediction
from scheduler_client.advisor import asker as asker_module
from scheduler_client.advisor import breaker as breaker_module
from scheduler_client.advisor.asker import Asker
from scheduler_client.advisor.connection import Connection
from scheduler_client.advisor.rate_limited_log import RateLimitedLog
from scheduler_client.config import MAX_DEADLINE_S
from scheduler_client.errors import (
    InvalidRequestError,
    ServerFailedError,
    ServerUnavailableError,
)
from scheduler_client.outcome import PredictionFailure
from tests.scheduler_client.advisor.helpers import (
    ScriptedClient,
    TurnedClock,
    prediction,
    query,
    settings,
    until,
)


@pytest.fixture
def opens_after(monkeypatch):
    """Sets after how many failures in a row the circuit breaker opens."""
    return partial(monkeypatch.setattr, breaker_module, "FAILURES")


def causes(answers):
    return [None if isinstance(answer, Prediction) else answer for answer in answers]


async def ask_many(asker, count):
    return await asyncio.gather(*(asker.ask(query(f"{n:04}")) for n in range(count)))


async def test_a_lone_query_is_sent_at_once(make_asker, client):
    asker = make_asker(client=client)
    answer = await asker.ask(query("hello"))
    assert answer.expected_tokens == 5
    assert client.batches == [["hello"]]


async def test_who_waits_no_longer_than_a_deadline_has_the_answer_or_that_cause(make_asker, client):
    asker = make_asker(client=client)
    assert (await asker.answer(query("hello"), deadline_s=20)).expected_tokens == 5
    client.hold.clear()
    assert await asker.answer(query("hello"), deadline_s=0.01) == "deadline"


async def test_queries_that_came_together_share_a_message_of_one_stream(
    make_asker, client, monkeypatch
):
    monkeypatch.setattr(asker_module, "BATCH_SIZE", 8)
    asker = make_asker(client=client)
    answers = await ask_many(asker, 20)
    assert [len(batch) for batch in client.batches] == [8, 8, 4]
    assert causes(answers) == [None] * 20
    await ask_many(asker, 3)
    assert client.streams == 1


async def test_each_query_gets_its_own_answer(make_asker, client):
    asker = make_asker(client=client)
    client.outcome = lambda prompt: prediction(float(prompt))
    answers = await ask_many(asker, 30)
    assert [answer.expected_tokens for answer in answers] == [float(n) for n in range(30)]


async def test_long_prompts_are_divided_among_messages(make_asker, running, service):
    asker = make_asker(running.target)
    answers = await asyncio.gather(*(asker.ask(query("x" * 1_500_000)) for _ in range(3)))
    assert causes(answers) == [None] * 3
    assert [len(message.requests) for message in service.received] == [2, 1]


async def test_a_predictor_that_never_answers_is_given_up_and_dialled_anew(client):
    """The peer may have vanished without a word, and the old connection with it."""
    silent, dialled = ScriptedClient(), []
    silent.hold.clear()

    def connect(_):
        dialled.append(silent if not dialled else client)
        return dialled[-1]

    chosen = settings(answer_timeout_s=0.1)
    asker = Asker(chosen, Connection(chosen, connect), RateLimitedLog(TurnedClock()))
    assert await asker.ask(query()) == "deadline"
    assert silent.closed
    assert isinstance(await asker.ask(query()), Prediction)
    await asker.close()


async def test_a_stream_that_is_idle_for_longer_than_an_answer_may_take_stays(make_asker, client):
    asker = make_asker(client=client, answer_timeout_s=0.05)
    await asker.ask(query())
    await asyncio.sleep(0.15)
    await asker.ask(query())
    assert client.streams == 1


async def test_a_stream_may_last_as_long_as_any():
    """Its end by a time limit while a query is out counts as the predictor's failure."""
    connection = Connection(settings())
    client = await connection.client()
    assert client._config.stream_timeout_s == MAX_DEADLINE_S
    await connection.close()


async def test_what_a_broken_stream_had_not_answered_is_asked_again_once(make_asker, client):
    asker = make_asker(client=client)
    client.hold.clear()
    asked = asker.ask(query("again"))
    await until(lambda: client.batches == [["again"]])
    client.fault = ServerUnavailableError("gone")
    client.hold.set()
    await until(lambda: len(client.batches) == 2)
    assert await asked == "predictor_error"
    assert client.batches == [["again"], ["again"]]


async def test_a_query_that_nobody_waits_for_any_more_is_not_sent(make_asker, client):
    asker = make_asker(client=client)
    asked = [asker.ask(query(f"{n}")) for n in range(3)]
    asked[1].cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    assert client.batches == [["0", "2"]]


async def test_a_query_that_is_cancelled_on_its_way_does_not_spoil_its_message(make_asker, client):
    asker = make_asker(client=client)
    client.hold.clear()
    asked = [asker.ask(query(f"r{n}")) for n in range(3)]
    await until(lambda: client.batches != [])
    asked[1].cancel()
    client.hold.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [isinstance(answer, Prediction) for answer in answers] == [True, False, True]


async def test_beyond_the_most_in_flight_queries_go_without_at_once(
    make_asker, client, monkeypatch
):
    monkeypatch.setattr(asker_module, "MAX_IN_FLIGHT", 10)
    asker = make_asker(client=client)
    client.hold.clear()
    asked = [asker.ask(query(f"r{n}")) for n in range(100)]
    assert sum(one.done() for one in asked) == 90
    client.hold.set()
    answers = await asyncio.gather(*asked)
    assert causes(answers) == [None] * 10 + ["too_many_in_flight"] * 90
    assert causes([await asker.ask(query())]) == [None], "the flood leaves nothing behind"


@pytest.mark.parametrize("prompt", ["", " \n"])
async def test_a_request_without_text_is_not_asked_about(make_asker, client, prompt):
    asker = make_asker(client=client)
    assert await asker.ask(query(prompt)) == "no_text"
    assert client.batches == []


async def test_one_refused_prompt_falls_back_alone_and_speaks_not_against_the_predictor(
    make_asker, client, opens_after
):
    opens_after(1)
    asker = make_asker(client=client)
    refusal = PredictionFailure("", InvalidRequestError("too long"))
    client.outcome = lambda prompt: refusal if prompt == "bad" else prediction()
    answers = await asyncio.gather(*(asker.ask(query(p)) for p in ("good", "bad", "fine")))
    assert causes(answers) == [None, "refused", None]
    await asker.ask(query("bad"))
    assert asker.breaker.state == "closed"


async def test_items_that_all_failed_inside_speak_against_the_predictor(
    make_asker, client, opens_after
):
    opens_after(1)
    asker = make_asker(client=client)
    client.outcome = lambda _: PredictionFailure("", ServerFailedError("a fault"))
    assert await asker.ask(query()) == "predictor_error"
    assert asker.breaker.state == "open"


FAULTS = [RuntimeError("a fault"), OSError(), ValueError(), KeyError("x"), AssertionError()]


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
async def test_any_exception_of_the_client_is_an_answer(make_asker, client, fault):
    asker = make_asker(client=client)
    client.fault = fault
    assert await asker.ask(query()) == "predictor_error"


async def test_after_enough_failures_nobody_is_asked_and_one_query_finds_it_back(
    make_asker, client, caplog, opens_after
):
    opens_after(3)
    clock = TurnedClock()
    asker = make_asker(client=client, clock=clock)
    client.fault = ServerUnavailableError("gone")
    answers = [await asker.ask(query()) for _ in range(4)]
    # Each is asked twice: the second one's second message is the one too many.
    assert answers == ["predictor_error", "breaker_open", "breaker_open", "breaker_open"]
    assert len(client.batches) == 3

    clock.now_s += 1.0
    client.fault = None
    client.hold.clear()
    probe = asker.ask(query("probe"))
    await until(lambda: client.batches[-1] == ["probe"])
    assert await asker.ask(query()) == "breaker_open", "one probe at a time"
    client.hold.set()
    assert isinstance(await probe, Prediction)
    assert "answers again" in caplog.text
    assert isinstance(await asker.ask(query()), Prediction)


async def test_an_answer_that_comes_late_does_not_say_that_the_predictor_is_asked_again(
    make_asker, client, caplog, opens_after
):
    opens_after(1)
    asker = make_asker(client=client)
    client.hold.clear()
    late = asker.ask(query())
    await until(lambda: client.batches)
    asker.breaker.failed()
    client.hold.set()
    assert isinstance(await late, Prediction)
    assert asker.breaker.state == "open"
    assert "answers again" not in caplog.text


async def test_a_query_that_was_to_find_it_back_and_is_given_up_unsent_is_followed_by_another(
    make_asker, client, opens_after
):
    opens_after(1)
    clock = TurnedClock()
    asker = make_asker(client=client, clock=clock)
    client.fault = ServerUnavailableError("gone")
    await asker.ask(query())
    client.fault = None
    clock.now_s += 1.0
    asker.ask(query("given up")).cancel()
    assert await asker.ask(query()) == "breaker_open"
    clock.now_s += 1.0
    assert isinstance(await asker.ask(query()), Prediction)


async def test_a_predictor_that_cannot_be_dialled_is_dialled_again(client, opens_after):
    opens_after(3)
    there = []

    def connect(_):
        if not there:
            raise ServerUnavailableError("no such host")
        return client

    clock = TurnedClock()
    chosen = settings()
    asker = Asker(chosen, Connection(chosen, connect), RateLimitedLog(clock), clock)
    assert await asker.ask(query()) == "breaker_open"
    there.append(True)
    clock.now_s += 1
    assert isinstance(await asker.ask(query()), Prediction)
    await asker.close()


async def test_a_predictor_that_fails_for_long_is_dialled_anew(client, opens_after):
    """Its address or its certificates may have changed since: both are read when connecting."""
    opens_after(3)
    stale, dialled = ScriptedClient(), []
    stale.fault = ServerUnavailableError("certificate expired")

    def connect(_):
        dialled.append(client if dialled else stale)
        return dialled[-1]

    clock = TurnedClock()
    chosen = settings()
    asker = Asker(chosen, Connection(chosen, connect), RateLimitedLog(clock), clock)
    assert await asker.ask(query()) == "predictor_error"
    assert not stale.closed, "one failure is no reason"
    assert await asker.ask(query()) == "breaker_open"
    await until(lambda: stale.closed)
    clock.now_s += 1
    assert isinstance(await asker.ask(query()), Prediction)
    await asker.close()


async def test_closing_leaves_nobody_waiting(make_asker, client):
    asker = make_asker(client=client)
    client.hold.clear()
    asked = [asker.ask(query(f"r{n}")) for n in range(3)]
    await until(lambda: client.batches != [])
    await asker.close()
    assert [one.result() for one in asked] == ["predictor_error"] * 3


async def test_a_cause_is_logged_once_a_minute(make_asker, client, caplog, opens_after):
    opens_after(1_000)
    clock = TurnedClock()
    asker = make_asker(client=client, clock=clock)
    client.fault = ServerUnavailableError("gone")

    async def lines(count):
        caplog.clear()
        for _ in range(count):
            await asker.ask(query())
        return [r.getMessage() for r in caplog.records if "no predictions" in r.getMessage()]

    with caplog.at_level(logging.WARNING, logger="lengthwise.advisor"):
        assert await lines(10) == ["no predictions: gone"]
        clock.now_s += 59
        assert await lines(5) == []
        clock.now_s += 1
        assert await lines(1) == ["no predictions: gone (29 more since it was last logged)"]
