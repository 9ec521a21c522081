"""LiteLLM's real proxy between a caller and an engine, with a predictor that comes and goes."""

import time

import pytest

from tests.gateways.litellm.proxy import running_proxy
from tests.gateways.recording_backend import TOKENS, serving_backend
from tests.vllm.predictor_process import PredictorProcess
from tests.wait_until import wait_until

US = 1_000_000
HEADER = "x-vllm-priority"
DEADLINE_S = 2.0
"""Far more than a prediction takes on a busy machine, and soon over where none comes."""

NO_OTHER_END_S = 600.0
"""Of a wait for a predictor that hangs: far beyond the guard of a request, so that nothing but the
deadline can end it."""


@pytest.fixture(scope="module")
def backend():
    with serving_backend() as serving:
        yield serving


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    process = PredictorProcess(tmp_path_factory.mktemp("predictor"))
    process.start()
    yield process
    process.kill()


@pytest.fixture(scope="module")
def proxy(tmp_path_factory, backend, predictor):
    settings = {
        "LENGTHWISE_RULE": "aged",
        "LENGTHWISE_RULE_OPTIONS": "weight=1",
        "LENGTHWISE_DEADLINE_S": str(DEADLINE_S),
        "LENGTHWISE_ANSWER_TIMEOUT_S": str(NO_OTHER_END_S),
        "LENGTHWISE_ONLY_MODELS": "m",
    }
    folder = tmp_path_factory.mktemp("proxy")
    with running_proxy(folder, backend.url, predictor.target, settings) as running:
        yield running


def key_of(backend, text):
    """The priority that the engine was shown, in seconds since 1970."""
    return int(backend.sent_with(text)[1][HEADER]) / US


def reports_of(predictor, text):
    return [report for report in predictor.reported() if text in report["prompt"]]


def reported(predictor, text):
    """The report about a prompt, once it is there."""
    wait_until(lambda: reports_of(predictor, text), f"the report of {text!r}")
    (report,) = reports_of(predictor, text)
    return report


def test_a_chat_gets_the_place_that_its_predicted_length_gives_it(proxy, backend):
    text = "chestnut " * 100  # predicted at 900 tokens, less the space at the end: 0.02 s each
    before_s = time.time()
    assert proxy.chat(text).status_code == 200
    assert before_s + 17.98 <= key_of(backend, "chestnut") <= time.time() + 17.98


def test_of_two_that_come_together_the_shorter_has_the_lower_key(proxy, backend):
    proxy.chat("elm " * 500)
    proxy.chat("ash")
    assert key_of(backend, "ash") < key_of(backend, "elm")


def test_nothing_else_of_a_request_changes(proxy, backend):
    proxy.chat("maple", temperature=0.25, max_tokens=40)
    path, _, body = backend.sent_with("maple")
    said = {"messages": [{"role": "user", "content": "maple"}], "temperature": 0.25}
    assert path == "/v1/chat/completions"
    assert body == {"model": "m", "max_tokens": 40, **said}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/completions", {"prompt": "willow one"}),
        ("/v1/completions", {"prompt": "willow two", "stream": True}),
        ("/v1/responses", {"input": "willow three"}),
        (
            "/v1/messages",
            {"messages": [{"role": "user", "content": "willow four"}], "max_tokens": 40},
        ),
    ],
)
def test_whatever_generates_text_has_a_place_and_is_reported(proxy, backend, predictor, path, body):
    text = body.get("prompt") or body.get("input") or body["messages"][0]["content"]
    assert proxy.post(path, **body).status_code == 200
    assert key_of(backend, text) > 0
    assert reported(predictor, text)["output_tokens"] == TOKENS


def test_embeddings_are_left_alone(proxy, backend, predictor):
    assert proxy.post("/v1/embeddings", input="hazel").status_code == 200
    _, headers, body = backend.sent_with("hazel")
    assert HEADER not in headers
    assert body["input"] == ["hazel"] or body["input"] == "hazel"
    proxy.chat("after the hazel")
    reported(predictor, "after the hazel")
    assert reports_of(predictor, "hazel") == [reported(predictor, "after the hazel")]


def test_a_model_that_is_not_named_is_left_alone(proxy, backend):
    assert proxy.chat("blackthorn", model="other").status_code == 200
    assert HEADER not in backend.sent_with("blackthorn")[1]


def test_what_stands_in_extra_body_reaches_the_engine_as_fields_of_the_body(proxy, backend):
    hints = {"agent_hints": {"osl": 8, "priority": -1}}
    proxy.chat("hawthorn", extra_body={"nvext": hints, "priority": 3})
    body = backend.sent_with("hawthorn")[2]
    assert (body["nvext"], body["priority"]) == (hints, 3)


def test_a_priority_in_the_body_reaches_the_engine_as_ours(proxy, backend):
    proxy.chat("poplar", priority=5)
    _, headers, body = backend.sent_with("poplar")
    assert "priority" not in body
    assert int(headers[HEADER]) > US


def test_a_header_that_the_caller_set_stays(proxy, backend):
    proxy.chat("alder", extra_headers={HEADER: "7"})
    assert backend.sent_with("alder")[1][HEADER] == "7"


@pytest.mark.parametrize("stream", [False, True])
def test_a_whole_answer_is_reported_with_the_engines_own_count(proxy, predictor, stream):
    text = f"birch {stream}"
    proxy.chat(text, stream=stream, temperature=0.5)
    report = reported(predictor, text)
    assert (report["model"], report["output_tokens"]) == ("m", TOKENS)
    assert (report["finish_reason"], report["temperature"]) == (1, 0.5)


def test_several_answers_to_one_prompt_are_reported_as_their_mean(proxy, predictor):
    for number, stream in enumerate((False, True)):
        proxy.chat(f"rowan {number}", n=3, stream=stream)
        assert reported(predictor, f"rowan {number}")["output_tokens"] == TOKENS


def test_an_answer_that_calls_a_tool_is_whole(proxy, predictor):
    tool = {"name": "f", "parameters": {"type": "object", "properties": {}}}
    proxy.chat("cedar", tools=[{"type": "function", "function": tool}])
    assert reported(predictor, "cedar")["finish_reason"] == 1


def test_an_answer_at_its_limit_is_reported_as_cut(proxy, predictor):
    proxy.chat("LONG aspen")
    assert reported(predictor, "aspen")["finish_reason"] == 2


def test_what_says_nothing_of_the_llm_is_not_reported(proxy, predictor, backend):
    """A client that left, an engine that gave up, a failure, and a repeat from the cache."""
    proxy.leave("SLOW larch one")
    wait_until(backend.has_lost_its_caller, "the end of what nobody hears any more")
    proxy.chat("ABORT larch two")
    assert proxy.chat("FAIL larch three").status_code == 500
    for _ in range(3):
        assert proxy.chat("larch again").status_code == 200
    proxy.chat("the last larch")
    reported(predictor, "the last larch")
    told = [report["prompt"] for report in reports_of(predictor, "larch")]
    assert sorted(told) == ["larch again", "the last larch"]


def test_a_key_of_its_own_does_not_keep_a_repeat_from_litellms_cache(proxy, backend):
    for _ in range(3):
        assert proxy.chat("the same spruce").status_code == 200
        assert proxy.post("/v1/completions", prompt="the same fir").status_code == 200
    for text in ("the same spruce", "the same fir"):
        assert sum(text in str(body) for body in backend.bodies()) == 1


def test_a_predictor_that_hangs_costs_the_deadline_and_one_that_is_gone_nothing(
    proxy, backend, predictor
):
    predictor.hang()
    try:
        assert proxy.chat("juniper one").status_code == 200
        assert key_of(backend, "juniper one") > 0
    finally:
        predictor.go_on()
    predictor.kill()
    assert proxy.chat("juniper two").status_code == 200
    assert key_of(backend, "juniper two") > 0
    predictor.start()
    wait_until(
        lambda: (
            proxy.chat("juniper three").status_code == 200
            and reports_of(predictor, "juniper three")
        ),
        "reports to a predictor that came back",
    )
