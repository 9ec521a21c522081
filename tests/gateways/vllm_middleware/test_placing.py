"""The middleware, called as an ASGI server calls it: how a call gets its place."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from scheduler_client.advisor.breaker import FAILURES
from scheduler_client.gateways.ending import NO_USAGE
from scheduler_client.gateways.vllm_middleware import calls as calls_module
from scheduler_client.gateways.vllm_middleware.asgi import read_body
from scheduler_client.vllm_plugin.metrics import PluginMetrics
from scheduler_client.vllm_plugin.middleware import LengthwiseMiddleware
from tests.gateways.vllm_middleware.served import ARRIVAL_KEY, TYPICAL_KEY, event, post
from tests.scheduler_client.advisor.helpers import until


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
