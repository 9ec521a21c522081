"""Requests on their way through the real Envoy: what reaches the engine."""

import gzip
import json
import math
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.gateways.envoy.running import SECONDS_PER_TOKEN

INT32_MAX = 2**31 - 1
TYPICAL_TOKENS = 200
"""What a request without a prediction is taken for, before any answer has come."""

SLACK_S = 3
"""Whole seconds are sent, and a machine under load takes some."""

LIMITED = {"model": "unseen", "max_tokens": TYPICAL_TOKENS}
"""A limit makes the typical length a fixed one, whatever other tests had answered."""


def length_of(priority: int | None, sent_s: float) -> float:
    """The tokens that a priority stands for, by the rule of these tests."""
    assert priority is not None
    assert 0 < priority <= INT32_MAX
    return (priority - sent_s) / (0.02 * SECONDS_PER_TOKEN)


def asked(stack, body, path="/v1/chat/completions", **options):
    """Send a request; the tokens that its priority stands for."""
    sent_s = time.time()
    status, _ = stack.ask(body, path, **options)
    assert status == 200
    return length_of(stack.reached().priority, sent_s)


WORDS = "x" * 60
"""The predictor of these tests predicts a token for each character."""


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/completions", {"prompt": WORDS}),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": WORDS}]}),
        ("/v1/responses", {"input": WORDS}),
        ("/v1/responses?stream=true", {"input": [{"role": "user", "content": WORDS}]}),
        ("/v1/messages", {"messages": [{"role": "user", "content": WORDS}], "max_tokens": 99}),
    ],
)
def test_a_call_of_every_api_gets_the_priority_of_its_predicted_length(stack, path, body):
    assert asked(stack, body, path) == pytest.approx(len(WORDS), abs=SLACK_S)
    assert stack.reached().path == path
    assert json.loads(stack.reached().body) == body


def test_of_two_calls_the_shorter_has_the_lower_priority(stack):
    longer = asked(stack, {"prompt": WORDS * 5}, "/v1/completions")
    shorter = asked(stack, {"prompt": WORDS}, "/v1/completions")
    assert shorter < longer - 2 * SLACK_S


def test_of_many_calls_at_once_each_gets_its_own_priority(stack):
    lengths = range(50, 450, 20)
    sent_s = time.time()
    with ThreadPoolExecutor(len(lengths)) as pool:
        bodies = [{"prompt": "x" * length} for length in lengths]
        answers = list(pool.map(lambda body: stack.ask(body, "/v1/completions"), bodies))
    took_s = time.time() - sent_s
    assert {status for status, _ in answers} == {200}
    assert len(stack.backend.received) == len(lengths)
    for received in stack.backend.received:
        tokens = length_of(received.priority, sent_s)
        length = len(json.loads(received.body)["prompt"])
        assert length - 1 <= tokens <= length + took_s + SLACK_S


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"prompt": "cut in the mid',
        b"[" * 100_000 + b"}",
        gzip.compress(b'{"prompt": "hello"}'),
    ],
)
def test_a_body_that_cannot_be_read_goes_on_as_it_is_by_its_arrival(stack, body):
    assert asked(stack, body) == pytest.approx(0, abs=SLACK_S)
    assert stack.reached().body == body


def test_a_compressed_body_goes_on_as_it_is_by_its_arrival(stack):
    body = gzip.compress(json.dumps({"prompt": WORDS}).encode())
    headers = {"content-encoding": "gzip"}
    assert asked(stack, body, headers=headers) == pytest.approx(0, abs=SLACK_S)
    assert stack.reached().body == body


@pytest.mark.parametrize("size", [3 * 2**20, 9 * 2**20])
def test_a_body_beyond_what_envoy_holds_goes_on_whole_by_its_arrival(stack, size):
    body = json.dumps({"prompt": "x" * size}).encode()
    assert asked(stack, body, "/v1/completions") == pytest.approx(0, abs=SLACK_S)
    assert stack.reached().body == body


@pytest.mark.parametrize(
    "body",
    [
        {"prompt": [1, 2, 3]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
        {"messages": []},
    ],
)
def test_what_has_no_text_goes_by_the_typical_length(stack, body):
    assert 0 < asked(stack, body | LIMITED) <= TYPICAL_TOKENS + SLACK_S
    assert not stack.predictor.received


def test_a_priority_that_the_caller_set_stays(stack):
    stack.ask({"prompt": "hi"}, headers={"X-Vllm-Priority": "7"})
    assert stack.reached().priority == 7
    stack.ask({"prompt": "hi", "priority": -3})
    assert stack.reached().priority == -3
    stack.ask({"prompt": "hi", "priority": 2**40})
    assert stack.reached().priority == INT32_MAX


def test_other_paths_are_not_looked_at(stack):
    before = stack.stats()["http.llm.ext_proc.priority.streams_started"]
    assert stack.ask({"prompt": "hi"}, "/v1/embeddings")[0] == 200
    assert stack.reached().priority is None
    assert stack.stats()["http.llm.ext_proc.priority.streams_started"] == before


def test_nobody_but_the_processor_and_the_caller_makes_priorities_of_0(stack):
    """0 goes before all keys that count from 1970."""
    for body in (b"", b"{}", b'{"prompt": ""}', b'{"prompt": "hi", "priority": 0}'):
        stack.ask(body)
        assert stack.reached().priority > 1_700_000_000


def test_a_predictor_that_is_slow_costs_the_deadline_and_no_more(stack):
    stack.predictor.gate.clear()
    try:
        tokens = asked(stack, {"prompt": WORDS * 10, **LIMITED}, "/v1/completions")
    finally:
        stack.predictor.gate.set()
    assert 0 < tokens <= TYPICAL_TOKENS + SLACK_S
    assert stack.stats()["http.llm.ext_proc.priority.message_timeouts"] == 0


def test_a_prompt_that_the_predictor_refuses_goes_by_the_typical_length(stack):
    tokens = asked(stack, {"prompt": "bad", **LIMITED}, "/v1/completions")
    assert math.isclose(tokens, TYPICAL_TOKENS, abs_tol=SLACK_S) or tokens < TYPICAL_TOKENS


def test_nothing_but_the_priority_is_changed(stack):
    headers = {"authorization": "Bearer none", "content-type": "application/json"}
    stack.ask({"prompt": "hi"}, headers=headers)
    reached = stack.reached().headers
    assert headers.items() <= reached.items()
    added = reached.keys() - headers.keys() - {"host", "x-answer", "accept-encoding"}
    assert added == {
        "x-vllm-priority",
        "x-request-id",
        "x-forwarded-proto",
        "transfer-encoding",  # in place of the content-length: docs/gateways_envoy.md
    }
