"""Asking for predictions: gathered, bounded, and never longer than the deadline."""

import asyncio
import time

import pytest

from scheduler_client.advisor import Advisor
from scheduler_client.errors import (
    InvalidRequestError,
    PredictionTimeoutError,
    ServerFailedError,
    ServerUnavailableError,
)
from scheduler_client.outcome import PredictionFailure
from tests.scheduler_client.advisor.helpers import (
    SLACK_S,
    ScriptedPort,
    TurnedClock,
    prediction,
    question,
    settings,
    until,
)

ROOMY = {"deadline_s": 10.0}


async def ask_many(advisor, count):
    return await asyncio.gather(
        *(advisor.advise(question(f"r{n}", f"{n:04}")) for n in range(count))
    )


async def test_a_lone_request_is_sent_at_once(make_advisor, port):
    advisor = make_advisor(port=port, **ROOMY)
    advice = await advisor.advise(question(prompt="hello"))
    assert (advice.fallback, advice.predicted_tokens) == (None, 5)
    assert advice.distribution is not None
    assert port.batches == [["hello"]]


async def test_requests_of_one_turn_of_the_loop_share_a_call(make_advisor, port):
    advisor = make_advisor(port=port, predict_batch_size=8, **ROOMY)
    answers = await ask_many(advisor, 20)
    assert [len(batch) for batch in port.batches] == [8, 8, 4]
    assert all(answer.fallback is None for answer in answers)


async def test_each_request_gets_its_own_answer(make_advisor, port):
    advisor = make_advisor(port=port, **ROOMY)
    port.outcome = lambda prompt: prediction(float(prompt))
    answers = await ask_many(advisor, 30)
    assert [answer.predicted_tokens for answer in answers] == [float(n) for n in range(30)]


async def test_while_all_calls_are_out_requests_gather_for_the_next(make_advisor, port):
    advisor = make_advisor(port=port, predict_calls=2, **ROOMY)
    port.hold.clear()
    tasks = []
    for n in range(6):
        tasks.append(asyncio.create_task(advisor.advise(question(f"r{n}"))))
        await asyncio.sleep(0.01)
    assert len(port.batches) == 2
    port.hold.set()
    await asyncio.gather(*tasks)
    assert [len(batch) for batch in port.batches] == [1, 1, 4]


async def test_a_predictor_that_never_answers_costs_the_deadline_and_no_more(make_advisor, port):
    advisor = make_advisor(port=port, deadline_s=0.1)
    port.hold.clear()
    began_s = time.monotonic()
    advice = await advisor.advise(question())
    assert advice.fallback == "deadline"
    assert 0.09 < time.monotonic() - began_s < 0.1 + SLACK_S


async def test_a_hung_call_does_not_hold_up_those_that_come_after_it(make_advisor, port):
    advisor = make_advisor(port=port, deadline_s=0.3)
    port.hold.clear()
    stuck = asyncio.create_task(advisor.advise(question("stuck")))
    await until(lambda: port.batches != [])
    port.hold = asyncio.Event()
    port.hold.set()
    assert (await advisor.advise(question("next"))).fallback is None
    assert not stuck.done()
    assert (await stuck).fallback == "deadline"


async def test_requests_that_wait_for_a_free_call_give_up_at_their_own_deadline(make_advisor, port):
    advisor = make_advisor(port=port, deadline_s=0.1, predict_calls=1)
    port.hold.clear()
    first = asyncio.create_task(advisor.advise(question("a")))
    await until(lambda: port.batches != [])
    began_s = time.monotonic()
    assert (await advisor.advise(question("b"))).fallback == "deadline"
    assert time.monotonic() - began_s < 0.1 + SLACK_S
    assert (await first).fallback == "deadline"
    port.hold.set()
    await asyncio.sleep(0.05)
    assert port.batches == [["hello"]], "what nobody waits for any more is not asked"


async def test_beyond_the_most_in_flight_requests_go_without_at_once(make_advisor, port):
    advisor = make_advisor(port=port, max_in_flight=10, **ROOMY)
    port.hold.clear()
    tasks = [asyncio.create_task(advisor.advise(question(f"r{n}"))) for n in range(100)]
    await until(lambda: sum(task.done() for task in tasks) == 90)
    port.hold.set()
    causes = [(await task).fallback for task in tasks]
    assert causes == [None] * 10 + ["too_many_in_flight"] * 90
    assert (await advisor.advise(question())).fallback is None, "the flood leaves nothing behind"


async def test_a_cancellation_passes_through_and_frees_its_place(make_advisor, port):
    advisor = make_advisor(port=port, max_in_flight=1, **ROOMY)
    port.hold.clear()
    task = asyncio.create_task(advisor.advise(question()))
    await until(lambda: port.batches != [])
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    port.hold.set()
    assert (await advisor.advise(question())).fallback is None
    assert advisor.counters.requests_known == 1


async def test_a_cancelled_request_does_not_spoil_the_call_that_it_shares(make_advisor, port):
    advisor = make_advisor(port=port, **ROOMY)
    port.hold.clear()
    tasks = [asyncio.create_task(advisor.advise(question(f"r{n}"))) for n in range(3)]
    await until(lambda: port.batches != [])
    tasks[1].cancel()
    port.hold.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [getattr(a, "fallback", "cancelled") for a in answers] == [None, "cancelled", None]


async def test_time_in_which_the_loop_itself_stood_still_is_not_the_predictors(make_advisor, port):
    advisor = make_advisor(port=port, deadline_s=0.1)
    tasks = [asyncio.create_task(advisor.advise(question(f"r{n}"))) for n in range(3)]
    asyncio.get_running_loop().call_soon(lambda: time.sleep(0.3))
    await asyncio.sleep(0)
    assert [(await task).fallback for task in tasks] == [None] * 3


@pytest.mark.parametrize("prompt", [None, "", " \n"])
async def test_a_request_without_text_is_not_asked_about(make_advisor, port, prompt):
    advisor = make_advisor(port=port)
    assert (await advisor.advise(question(prompt=prompt))).fallback == "no_text"
    assert port.batches == []


async def test_one_refused_prompt_falls_back_alone_and_speaks_not_against_the_predictor(
    make_advisor, port
):
    advisor = make_advisor(port=port, breaker_failures=1, **ROOMY)
    refusal = PredictionFailure("", InvalidRequestError("too long"))
    port.outcome = lambda prompt: refusal if prompt == "bad" else prediction()
    answers = await asyncio.gather(
        *(advisor.advise(question(prompt, prompt)) for prompt in ("good", "bad", "fine"))
    )
    assert [answer.fallback for answer in answers] == [None, "refused", None]
    await advisor.advise(question(prompt="bad"))
    assert advisor.counters.breaker_state == "closed"


async def test_items_that_all_failed_inside_speak_against_the_predictor(make_advisor, port):
    advisor = make_advisor(port=port, breaker_failures=1, **ROOMY)
    port.outcome = lambda _: PredictionFailure("", ServerFailedError("a fault"))
    assert (await advisor.advise(question())).fallback == "predictor_error"
    assert advisor.counters.breaker_state == "open"


async def test_after_enough_failures_nobody_waits_and_one_probe_finds_it_back(make_advisor, port):
    clock = TurnedClock()
    advisor = make_advisor(port=port, clock=clock, breaker_failures=3, breaker_open_s=1.0, **ROOMY)
    port.fault = ServerUnavailableError("gone")
    causes = [(await advisor.advise(question())).fallback for _ in range(5)]
    assert causes == ["predictor_error"] * 3 + ["breaker_open"] * 2
    assert len(port.batches) == 3

    clock.now_s += 1.0
    port.fault = None
    port.hold.clear()
    assert (await advisor.advise(question(prompt="probe"))).fallback == "breaker_open"
    await until(lambda: port.batches[-1] == ["probe"])
    assert (await advisor.advise(question())).fallback == "breaker_open", "one probe at a time"
    port.hold.set()
    await until(lambda: advisor.counters.breaker_state == "closed")
    assert (await advisor.advise(question())).fallback is None
    assert len(port.batches) == 5


async def test_while_it_is_open_even_the_request_that_probes_waits_for_nothing(make_advisor, port):
    clock = TurnedClock()
    advisor = make_advisor(port=port, clock=clock, deadline_s=0.05, breaker_failures=1)
    port.fault = ServerUnavailableError("gone")
    await advisor.advise(question())
    port.hold.clear()
    clock.now_s += 1.0
    async with asyncio.timeout(0.04):
        assert (await advisor.advise(question())).fallback == "breaker_open"
    await until(lambda: len(port.batches) == 2)


async def test_a_probe_that_is_never_answered_has_the_next_one_dial_anew(port):
    """The peer may have vanished without a word, and the old connection with it."""
    clock = TurnedClock()
    silent, dialled = ScriptedPort(), []

    def connect(_):
        dialled.append(silent if not dialled else port)
        return dialled[-1]

    advisor = Advisor(settings(breaker_failures=1, **ROOMY), clock=clock, connect=connect)
    silent.fault = PredictionTimeoutError("nothing came")
    await advisor.advise(question())
    clock.now_s += 1
    await advisor.advise(question())
    await until(lambda: silent.closed)
    clock.now_s += 2
    await advisor.advise(question())
    await until(lambda: advisor.counters.breaker_state == "closed")
    assert len(port.batches) == 1
    await advisor.close()
