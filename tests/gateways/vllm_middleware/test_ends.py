"""What the middleware learns from the ends of calls, and tells the predictor."""

import asyncio
import json
from dataclasses import replace

import pytest

from scheduler_client.gateways.answer_parts import AnswerParts
from tests.gateways.vllm_middleware.served import (
    USAGE,
    event,
    post,
)
from tests.scheduler_client.advisor.helpers import until


@pytest.fixture
def heard(calls, monkeypatch):
    """What the rule hears of ends."""
    ends = []
    keys = calls._gateway._keys
    monkeypatch.setattr(keys, "finished", lambda _arrival_s, finished: ends.append(finished))
    return ends


ENDS = {
    "whole": ([], "stop"),
    "stream": ([event(), event(), event("stop"), event(usage=USAGE)], "stop"),
    "cut off": ([event(), event("length"), event(usage=USAGE)], "length"),
}


@pytest.mark.parametrize("name", ENDS)
async def test_the_rule_hears_of_an_end_and_the_predictor_of_the_length(
    name, middleware, client, heard, registry
):
    events, reason = ENDS[name]
    if events:
        middleware._app.stream(*events)
    await post(middleware, {"prompt": "hello", "model": "llm", "max_tokens": 9, "temperature": 0})
    assert [(one.finish_reason, one.output_tokens) for one in heard] == [(reason, 7)]
    await until(lambda: client.reported)
    (report,) = client.reported
    assert (report.prompt, report.model, report.output_tokens) == ("hello", "llm", 7)
    assert (report.finish_reason, report.max_tokens, report.temperature) == (reason, 9, 0)
    judged = registry.get_sample_value("lengthwise_judged_predictions_total")
    assert judged == (reason == "stop")


async def test_of_a_stream_without_usage_the_rule_hears_that_it_ended_and_the_log_says_why_no_more(
    middleware, served, heard, caplog
):
    served.stream(event(), event("stop"))
    await post(middleware, {"prompt": "hello"})
    assert [one.completed for one in heard] == [True]
    assert "--enable-force-include-usage" in caplog.text


@pytest.mark.parametrize("status", [400, 200])
async def test_what_failed_or_was_left_is_out_and_teaches_nothing(
    status, middleware, served, client, heard
):
    served.status = status
    if status == 200:
        served.stream(event(), event("stop"), event(usage=USAGE))
        served.leaves_before = 1
        with pytest.raises(asyncio.CancelledError):
            await post(middleware, {"prompt": "hello"})
    else:
        await post(middleware, {"prompt": "hello"})
    assert [one.completed for one in heard] == [False]
    await asyncio.sleep(0.05)
    assert not client.reported


async def test_a_fault_in_reading_an_answer_does_not_reach_it(middleware, calls, monkeypatch):
    def faulty(*_):
        raise RuntimeError("on purpose")

    monkeypatch.setattr("scheduler_client.gateways.answer_reader.AnswerReader.feed", faulty)
    monkeypatch.setattr(calls._gateway, "ended", faulty)
    await post(middleware, {"prompt": "hello"})


async def test_the_last_lengths_are_reported_when_the_server_ends(middleware, calls, client):
    calls._gateway.reporter._settings = replace(calls._gateway._settings, report_interval_s=3_600.0)
    await post(middleware, {"prompt": "hello"})
    assert not client.reported

    done = []

    async def application(scope, receive, send):
        await send({"type": "lifespan.shutdown.complete"})

    async def send(message):  # after this a server waits no more
        done.append((message["type"], len(client.reported)))

    middleware._app = application
    await middleware({"type": "lifespan"}, None, send)
    assert done == [("lifespan.shutdown.complete", 1)]
    assert [report.prompt for report in client.reported] == ["hello"]


@pytest.mark.parametrize(
    ("path", "said", "limit"),
    [
        ("/v1/completions", {}, 16),
        ("/v1/completions", {"max_tokens": None}, 16),
        ("/v1/completions", {"max_tokens": 0, "echo": True}, 1),
        ("/v1/completions", {"max_tokens": 9}, 9),
        ("/v1/chat/completions", {}, None),
    ],
)
async def test_a_limit_that_is_not_named_is_vllms_own(middleware, client, path, said, limit):
    said = {"prompt": "hello", "messages": [{"role": "user", "content": "hello"}], **said}
    del said["messages" if path == "/v1/completions" else "prompt"]
    await post(middleware, said, path=path)
    (query,) = client.queries
    assert query.max_tokens == limit


async def test_of_several_answers_that_were_left_when_one_had_ended_nothing_is_learnt(
    middleware, served, heard, caplog
):
    served.stream(event(), event("stop"), event(), event())
    served.leaves_before = 3
    with pytest.raises(asyncio.CancelledError):
        await post(middleware, {"prompt": "hello", "n": 2})
    assert [one.completed for one in heard] == [False]
    assert "usage" not in caplog.text


def piece(index=0, reason=None, tokens=1):
    """What vLLM sends under --enable-force-include-usage: a usage in every event."""
    usage = USAGE | {"completion_tokens": tokens}
    return {"choices": [{"index": index, "text": "a", "finish_reason": reason}], "usage": usage}


async def test_events_of_tokens_are_not_read_though_each_says_a_usage(
    middleware, served, heard, monkeypatch
):
    taken = []
    take = AnswerParts.take
    monkeypatch.setattr(
        AnswerParts, "take", lambda self, fields: (taken.append(fields), take(self, fields))
    )
    last = [piece(reason="stop", tokens=6), event(usage=USAGE)]
    served.stream(*(piece(tokens=n) for n in range(1, 6)), *last)
    await post(middleware, {"prompt": "hello"})
    assert taken == last
    assert [(one.finish_reason, one.output_tokens) for one in heard] == [("stop", 7)]


async def test_of_several_answers_with_a_usage_in_every_event_that_were_left_nothing_is_learnt(
    middleware, served, heard
):
    for ended, goes_on in ((0, 1), (1, 0)):
        served.stream(piece(goes_on), piece(ended), piece(ended, "stop"), piece(goes_on))
        served.leaves_before = 4
        with pytest.raises(asyncio.CancelledError):
            await post(middleware, {"prompt": "hello", "n": 2})
    assert [one.completed for one in heard] == [False, False]


async def test_an_event_that_is_not_read_tells_when_the_first_token_came(calls, monkeypatch):
    times = iter(range(1, 9))
    monkeypatch.setattr(
        "scheduler_client.gateways.vllm_middleware.answer.time.time", lambda: float(next(times))
    )

    async def send(_):
        pass

    answer = calls.answer(send)
    headers = [(b"content-type", b"text/event-stream")]
    await answer.send({"type": "http.response.start", "status": 200, "headers": headers})
    for fields in (piece(), piece(), piece(reason="stop")):
        body = f"data: {json.dumps(fields, separators=(',', ':'))}\n\n".encode()
        await answer.send({"type": "http.response.body", "body": body, "more_body": True})
    assert answer.ending().first_token_s == 1.0


async def test_headers_that_may_be_read_once_only_reach_the_caller(calls):
    sent = []

    async def send(message):
        sent.append(list(message.get("headers", ())))

    answer = calls.answer(send)
    headers = ((b"a", b"b") for _ in range(2))
    await answer.send({"type": "http.response.start", "status": 200, "headers": headers})
    assert sent == [[(b"a", b"b"), (b"a", b"b")]]
