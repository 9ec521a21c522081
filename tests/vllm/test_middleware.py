"""The middleware, called as an ASGI server calls it."""

import json

import pytest

from scheduler_client.vllm_plugin import http_body
from scheduler_client.vllm_plugin.middleware import LengthwiseMiddleware

ARRIVAL_KEY = b"1000000000"


class Served:
    """An application that notes what reached it."""

    def __init__(self) -> None:
        self.headers: dict[bytes, bytes] = {}
        self.body = b""

    async def __call__(self, scope, receive, send) -> None:
        self.headers = dict(scope["headers"])
        more = True
        while more:
            message = await receive()
            self.body += message.get("body", b"")
            more = message.get("more_body", False)


@pytest.fixture
def served():
    return Served()


@pytest.fixture
def middleware(served, runtime):
    made = LengthwiseMiddleware(served)
    made._runtime = runtime
    return made


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

    await middleware(scope, receive, None)
    return content


async def test_a_prompt_gets_a_priority_and_its_body_stays_as_it_was(middleware, served):
    sent = await post(middleware, {"prompt": "hello", "model": "llm", "max_tokens": 9}, parts=3)
    assert served.headers[b"x-vllm-priority"] == b"5"
    assert served.body == sent


async def test_what_is_asked_says_model_limit_and_the_id_that_the_engine_will_use(
    middleware, served, runtime
):
    await post(middleware, {"prompt": "hello", "model": "llm", "max_tokens": 9})
    (question,) = runtime.advisor.questions
    assert (question.prompt, question.model, question.max_tokens) == ("hello", "llm", 9)
    http_id = served.headers[b"x-request-id"].decode()
    assert question.request_id == f"cmpl-{http_id}-0"


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ({"temperature": 0}, 0),
        ({}, None),
        ({"temperature": None}, None),
        ({"temperature": -1}, None),
    ],
)
async def test_the_temperature_is_what_the_body_says_or_unknown(middleware, runtime, said, known):
    await post(middleware, {"prompt": "hello", **said})
    assert runtime.advisor.questions[0].temperature == known


async def test_an_id_that_the_caller_chose_is_kept(middleware, served, runtime):
    await post(middleware, {"prompt": "hello"}, headers=[(b"x-request-id", b"mine")])
    assert served.headers[b"x-request-id"] == b"mine"
    assert runtime.advisor.questions[0].request_id == "cmpl-mine-0"


async def test_a_chat_is_asked_about_by_the_text_of_its_messages(middleware, served, runtime):
    parts = [{"type": "text", "text": "how"}, {"type": "text", "text": "are you"}]
    messages = [{"role": "system", "content": "be kind"}, {"role": "user", "content": parts}]
    await post(middleware, {"messages": messages}, path="/prefix/v1/chat/completions")
    (question,) = runtime.advisor.questions
    assert question.prompt == "be kind\nhow\nare you"
    assert question.request_id.startswith("chatcmpl-")


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
async def test_what_has_no_text_goes_by_its_arrival(middleware, served, runtime, body):
    await post(middleware, body)
    assert served.headers[b"x-vllm-priority"] == ARRIVAL_KEY
    assert not runtime.advisor.questions


async def test_a_body_beyond_the_limit_goes_by_its_arrival_and_arrives_whole(
    middleware, served, monkeypatch
):
    monkeypatch.setattr(http_body.read_body, "__defaults__", (10,))
    sent = await post(middleware, {"prompt": "hello " * 100}, parts=7)
    assert served.headers[b"x-vllm-priority"] == ARRIVAL_KEY
    assert served.body == sent


@pytest.mark.parametrize(
    ("headers", "body"),
    [([(b"x-vllm-priority", b"7")], {"prompt": "hi"}), ([], {"prompt": "hi", "priority": 7})],
)
async def test_a_priority_that_the_caller_set_wins(middleware, served, runtime, headers, body):
    await post(middleware, body, headers=headers)
    assert served.headers.get(b"x-vllm-priority") in (b"7", None)
    assert not runtime.advisor.questions


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff"])
async def test_a_body_that_vllm_will_refuse_is_passed_on(middleware, served, body):
    assert await post(middleware, body) == served.body
    assert b"x-vllm-priority" not in served.headers


@pytest.mark.parametrize(("path", "method"), [("/v1/models", "POST"), ("/v1/completions", "GET")])
async def test_other_requests_are_not_looked_at(middleware, served, path, method):
    await post(middleware, {"prompt": "hi"}, path=path, method=method)
    assert served.headers == {}


async def test_where_the_plugin_is_on_the_middleware_steps_aside(middleware, served, runtime):
    runtime.wraps_engine = True
    await post(middleware, {"prompt": "hi"})
    assert served.headers == {}


async def test_a_fault_of_ours_does_not_reach_the_request(middleware, served, runtime):
    runtime.advisor.error = RuntimeError("a fault")
    sent = await post(middleware, {"prompt": "hi"})
    assert served.body == sent
    assert served.headers[b"x-vllm-priority"] == ARRIVAL_KEY
    assert runtime.metrics.counts == {"internal_error": 1}


async def test_without_a_target_nothing_happens(served, monkeypatch):
    middleware = LengthwiseMiddleware(served)
    middleware._runtime = None
    await post(middleware, {"prompt": "hi"})
    assert served.headers == {}
