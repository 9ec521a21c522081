"""The middleware, called as an ASGI server calls it."""

import asyncio
import json
import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from scheduler_client.advisor.breaker import FAILURES
from scheduler_client.advisor.connection import Connection
from scheduler_client.advisor.rate_limited_log import RateLimitedLog
from scheduler_client.advisor.settings import AdvisorSettings
from scheduler_client.gateways.answer_parts import AnswerParts
from scheduler_client.gateways.ending import NO_USAGE
from scheduler_client.gateways.vllm_middleware import calls as calls_module
from scheduler_client.gateways.vllm_middleware.asgi import VllmMiddleware, read_body
from scheduler_client.gateways.vllm_middleware.calls import Calls
from scheduler_client.vllm_plugin.metrics import PluginMetrics
from scheduler_client.vllm_plugin.middleware import LengthwiseMiddleware
from tests.scheduler_client.advisor.helpers import ScriptedClient, until

USAGE = {"prompt_tokens": 3, "completion_tokens": 7}
WHOLE = {"choices": [{"index": 0, "text": "a", "finish_reason": "stop"}], "usage": USAGE}


def event(reason=None, usage=None):
    """What vLLM sends of a stream, token by token."""
    choices = [] if usage else [{"index": 0, "text": "a", "finish_reason": reason}]
    return {"choices": choices, "usage": usage}


ARRIVAL_KEY = b"1000000000"
TYPICAL_KEY = b"1004000000"
"""Two hundred tokens at 20 ms later."""


class Served:
    """An application that notes what reached it, and answers in pieces."""

    def __init__(self) -> None:
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        self.answer = json.dumps(WHOLE).encode(), b""
        self.kind = b"application/json"
        self.status = 200
        self.leaves_before = -1

    async def __call__(self, scope, receive, send) -> None:
        self.headers = dict(scope["headers"])
        more = True
        while more:
            message = await receive()
            self.body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = [(b"Content-Type", self.kind)]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        for number, part in enumerate(self.answer):
            if number == self.leaves_before:
                raise asyncio.CancelledError
            more = number < len(self.answer) - 1
            await send({"type": "http.response.body", "body": part, "more_body": more})

    def stream(self, *events) -> None:
        self.kind = b"text/event-stream; charset=utf-8"
        parts = [f"data: {json.dumps(one, separators=(',', ':'))}\n\n".encode() for one in events]
        self.answer = (*parts, b"data: [DONE]\n\n", b"")


@pytest.fixture
def served():
    return Served()


@pytest.fixture
async def client():
    return ScriptedClient()


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
async def calls(client, registry):
    """Places by arrival and length, at a time of the test's own."""
    settings = AdvisorSettings(
        "127.0.0.1:1",
        rule="aged",
        rule_options="weight=1",
        deadline_s=10.0,
        report_interval_s=0.01,
    )
    made = Calls(
        settings,
        RateLimitedLog(time.monotonic),
        PluginMetrics(registry),
        clock=lambda: 1000.0,
        connection=Connection(settings, lambda _: client),
    )
    yield made
    await made.close()


@pytest.fixture
def middleware(served, calls):
    return VllmMiddleware(served, calls)


async def post(middleware, body, *, path="/v1/completions", headers=(), parts=1, method="POST"):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    size = -(-len(content) // parts) or 1
    chunks = [content[i : i + size] for i in range(0, len(content), size)] or [b""]
    messages = [
        {"type": "http.request", "body": chunk, "more_body": n < len(chunks) - 1}
        for n, chunk in enumerate(chunks)
    ]
    scope = {"type": "http", "method": method, "path": path, "headers": list(headers)}

    async def receive():
        return messages.pop(0)

    sent = []

    async def send(message):
        sent.append(message)

    await middleware(scope, receive, send)
    assert [message.get("body") for message in sent[1:]] == list(middleware._app.answer)
    return content


async def test_a_prompt_gets_a_priority_and_its_body_stays_as_it_was(middleware, served):
    sent = await post(middleware, {"prompt": "hello", "model": "llm", "max_tokens": 9}, parts=3)
    assert served.headers == {b"x-vllm-priority": b"1000100000"}
    assert served.body == sent


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ({"temperature": 0}, 0),
        ({}, None),
        ({"temperature": None}, None),
        ({"temperature": -1}, None),
    ],
)
async def test_what_is_asked_says_model_limit_and_the_temperature_if_the_body_does(
    middleware, client, said, known
):
    await post(middleware, {"prompt": "hello", "model": "llm", "max_tokens": 9, **said})
    (query,) = client.queries
    assert (query.prompt, query.model, query.max_tokens) == ("hello", "llm", 9)
    assert query.temperature == known


async def test_a_chat_is_asked_about_by_the_text_of_its_messages(middleware, client):
    parts = [{"type": "text", "text": "how"}, {"type": "text", "text": "are you"}]
    messages = [{"role": "system", "content": "be kind"}, {"role": "user", "content": parts}]
    await post(middleware, {"messages": messages}, path="/prefix/v1/chat/completions")
    assert client.batches == [["system: be kind\nhow\nare you"]]


@pytest.mark.parametrize(
    "body",
    [
        {"prompt": [1, 2, 3]},
        {"prompt": ["one", "two"]},
        {"prompt": ""},
        {"messages": "hello"},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
    ],
)
async def test_what_has_no_text_goes_by_the_typical_length(middleware, served, client, body):
    await post(middleware, {**body, "max_tokens": 500})
    assert served.headers[b"x-vllm-priority"] == TYPICAL_KEY
    assert not client.batches


async def test_a_prediction_that_is_late_costs_the_deadline_and_no_more(
    middleware, served, client, calls
):
    gateway = calls._gateway
    gateway._settings = replace(gateway._settings, deadline_s=0.05)
    client.hold.clear()
    await post(middleware, {"prompt": "hello", "max_tokens": 500})
    assert served.headers[b"x-vllm-priority"] == TYPICAL_KEY


async def test_in_shadow_it_is_asked_and_no_priority_set(middleware, served, client, calls):
    calls.shadow = True
    await post(middleware, {"prompt": "hello"})
    assert client.batches == [["hello"]]
    assert served.headers == {}


async def test_a_body_beyond_the_limit_goes_by_its_arrival_and_arrives_whole(
    middleware, served, monkeypatch
):
    monkeypatch.setattr(read_body, "__defaults__", (10,))
    sent = await post(middleware, {"prompt": "hello " * 100}, parts=7)
    assert served.headers[b"x-vllm-priority"] == ARRIVAL_KEY
    assert served.body == sent


@pytest.mark.parametrize(
    ("headers", "body"),
    [([(b"x-vllm-priority", b"7")], {"prompt": "hi"}), ([], {"prompt": "hi", "priority": 7})],
)
async def test_a_priority_that_the_caller_set_wins(middleware, served, client, headers, body):
    await post(middleware, body, headers=headers)
    assert served.headers.get(b"x-vllm-priority") in (b"7", None)
    assert not client.batches


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff"])
async def test_a_body_that_vllm_will_refuse_is_passed_on(middleware, served, body):
    assert await post(middleware, body) == served.body
    assert b"x-vllm-priority" not in served.headers


@pytest.mark.parametrize(("path", "method"), [("/v1/models", "POST"), ("/v1/completions", "GET")])
async def test_other_requests_are_not_looked_at(middleware, served, path, method):
    await post(middleware, {"prompt": "hi"}, path=path, method=method)
    assert served.headers == {}


async def test_a_fault_of_ours_does_not_reach_the_request(middleware, served, calls):
    calls._gateway.asker.ask = None  # calling it raises
    sent = await post(middleware, {"prompt": "hi"})
    assert served.body == sent
    assert served.headers[b"x-vllm-priority"] == ARRIVAL_KEY


async def test_the_metrics_show_faults_and_a_predictor_that_is_left_alone(
    middleware, calls, registry, monkeypatch
):
    monkeypatch.setattr(calls_module, "FOLLOW_EVERY_S", 0.001)
    calls._gateway.asker.ask = None  # calling it raises
    await post(middleware, {"prompt": "hi"})
    for _ in range(FAILURES):
        calls._gateway.asker.breaker.failed()
    shown = {"lengthwise_internal_errors_total": 1, "lengthwise_breaker_state": 2}
    await until(lambda: {name: registry.get_sample_value(name) for name in shown} == shown)


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


async def test_where_the_plugin_is_on_the_middleware_steps_aside(served, monkeypatch):
    monkeypatch.setenv("LENGTHWISE_TARGET", "127.0.0.1:1")
    monkeypatch.setattr("scheduler_client.vllm_plugin.middleware.is_on", lambda: True)
    await post(LengthwiseMiddleware(served), {"prompt": "hi"})
    assert served.headers == {}


async def test_without_a_target_nothing_happens(served, monkeypatch):
    monkeypatch.delenv("LENGTHWISE_TARGET", raising=False)
    await post(LengthwiseMiddleware(served), {"prompt": "hi"})
    assert served.headers == {}


async def test_what_it_says_comes_out_in_vllms_log(served, registry, monkeypatch, caplog):
    monkeypatch.setenv("LENGTHWISE_TARGET", "127.0.0.1:1")
    monkeypatch.setattr(
        "scheduler_client.vllm_plugin.middleware.PluginMetrics", lambda: PluginMetrics(registry)
    )
    middleware = LengthwiseMiddleware(served)
    served.stream(event(), event("stop"))
    await post(middleware, {"prompt": "hi"})
    await middleware._calls.close()
    assert b"x-vllm-priority" in served.headers
    assert ("vllm.lengthwise", NO_USAGE) in [(one.name, one.message) for one in caplog.records]


def test_a_bad_value_stops_the_import_and_names_the_variable():
    done = subprocess.run(
        [sys.executable, "-c", "import scheduler_client.vllm_plugin.middleware"],
        env=os.environ | {"LENGTHWISE_TARGET": "127.0.0.1:1", "LENGTHWISE_DEADLINE_S": "50ms"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "LENGTHWISE_DEADLINE_S" in done.stderr
