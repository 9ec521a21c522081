"""Requests on their way through the real Envoy: what reaches the engine."""

import gzip
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from scheduler_client.gateways.priorities import INT32_MAX
from tests.gateways.envoy.running import Placed

TYPICAL_TOKENS = 200
"""What a request without a prediction is taken for, before any answer has come."""

FEWEST_TOKENS = 4
"""Of the backend's answers, from which what is typical is learnt."""

LIMITED = {"model": "unseen", "max_tokens": TYPICAL_TOKENS}
"""A limit keeps the typical length from being longer, whatever other tests had answered."""

WORDS = "x" * 60
"""The predictor of these tests predicts a token for each character."""


def is_typical(placed: Placed) -> bool:
    """Whether the place may be that of a request without a prediction."""
    return placed.most_tokens >= FEWEST_TOKENS and placed.least_tokens <= TYPICAL_TOKENS


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
    assert stack.place(body, path).stands_for(len(WORDS))
    assert stack.reached().path == path
    assert json.loads(stack.reached().body) == body


def test_of_two_calls_the_shorter_has_the_lower_priority(stack):
    longer = stack.place({"prompt": WORDS * 5}, "/v1/completions")
    shorter = stack.place({"prompt": WORDS}, "/v1/completions")
    assert shorter.most_tokens < longer.least_tokens


def test_of_many_calls_at_once_each_gets_its_own_priority(stack):
    lengths = range(50, 450, 20)
    sent_s = time.time()
    with ThreadPoolExecutor(len(lengths)) as pool:
        bodies = [{"prompt": "x" * length} for length in lengths]
        answers = list(pool.map(lambda body: stack.ask(body, "/v1/completions"), bodies))
    answered_s = time.time()
    assert {status for status, _ in answers} == {200}
    assert len(stack.backend.received) == len(lengths)
    for received in stack.backend.received:
        placed = Placed(received.priority, sent_s, answered_s)
        assert placed.stands_for(len(json.loads(received.body)["prompt"]))


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
    assert stack.place(body).stands_for(0)
    assert stack.reached().body == body


def test_a_compressed_body_goes_on_as_it_is_by_its_arrival(stack):
    body = gzip.compress(json.dumps({"prompt": WORDS}).encode())
    headers = {"content-encoding": "gzip"}
    assert stack.place(body, headers=headers).stands_for(0)
    assert stack.reached().body == body


@pytest.mark.parametrize("size", [3 * 2**20, 9 * 2**20])
def test_a_body_beyond_what_envoy_holds_goes_on_whole_by_its_arrival(stack, size):
    body = json.dumps({"prompt": "x" * size}).encode()
    assert stack.place(body, "/v1/completions").stands_for(0)
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
    assert is_typical(stack.place(body | LIMITED))
    assert not stack.predictor.received


def test_a_priority_that_the_caller_set_stays(stack):
    stack.ask({"prompt": "hi"}, headers={"X-Vllm-Priority": "7"})
    assert stack.reached().priority == 7
    stack.ask({"prompt": "hi", "priority": -3})
    assert stack.reached().priority == -3
    stack.ask({"prompt": "hi", "priority": 2**40})
    assert stack.reached().priority == INT32_MAX
    stack.ask({"prompt": "hi"}, headers={"X-Vllm-Priority": str(-(2**40))})
    assert stack.reached().priority == -(2**31)


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
        placed = stack.place({"prompt": WORDS * 10, **LIMITED}, "/v1/completions")
    finally:
        stack.predictor.gate.set()
    assert is_typical(placed)
    assert stack.stats()["http.llm.ext_proc.priority.message_timeouts"] == 0


def test_a_prompt_that_the_predictor_refuses_goes_by_the_typical_length(stack):
    assert is_typical(stack.place({"prompt": "bad", **LIMITED}, "/v1/completions"))


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
