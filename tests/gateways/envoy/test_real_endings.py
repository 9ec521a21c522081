"""Answers on their way back through the real Envoy: what is reported, and what is not."""

import http.client

import pytest

from lengthwise.v1 import length_predictor_pb2 as pb
from tests.gateways.envoy.backend import ANSWERS, LONG_STREAM, content_of
from tests.wait_until import wait_until

CALLS = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "hello"}], "model": "llm"},
    "/v1/completions": {"prompt": "hello", "model": "llm"},
    "/v1/responses": {"input": "hello", "model": "llm"},
    "/v1/messages": {"messages": [{"role": "user", "content": "hello"}], "model": "llm"},
}


def only_report(stack):
    wait_until(lambda: bool(stack.predictor.stored), "a report")
    (report,) = stack.predictor.stored.values()
    return report


@pytest.mark.parametrize(
    ("path", "answer", "reason"),
    [
        ("/v1/chat/completions", "", "stop"),
        ("/v1/chat/completions", "length", "length"),
        ("/v1/chat/completions", "tools", "stop"),
        ("/v1/chat/completions", "stream", "stop"),
        ("/v1/completions", "text", "stop"),
        ("/v1/responses", "response", "stop"),
        ("/v1/responses", "incomplete", "length"),
        ("/v1/responses", "response-stream", "stop"),
        ("/v1/messages", "message", "stop"),
        ("/v1/messages", "message-stream", "length"),
    ],
)
def test_the_true_length_of_every_apis_answers_is_reported(stack, path, answer, reason):
    sampling = {"max_tokens": 50, "temperature": 0.5}
    status, content = stack.ask(CALLS[path] | sampling, path, answer=answer)
    assert (status, content) == (200, content_of(answer))
    report = only_report(stack)
    assert (report.prompt, report.model, report.output_tokens) == ("hello", "llm", 7)
    assert pb.FinishReason.Name(report.finish_reason) == f"FINISH_REASON_{reason.upper()}"
    assert (report.max_tokens, report.temperature) == (50, 0.5)


def test_of_several_answers_the_mean_is_reported(stack):
    stack.ask(CALLS["/v1/completions"] | {"n": 2}, "/v1/completions", answer="two")
    assert only_report(stack).output_tokens == round(7 / 2)


@pytest.mark.parametrize(
    "answer", ["no-usage", "aborted", "filtered", "cut", "error", "no-json", "gzip"]
)
def test_an_answer_that_says_no_true_length_arrives_and_is_not_reported(stack, answer):
    status, content = stack.ask(CALLS["/v1/completions"], "/v1/completions", answer=answer)
    assert (status, content) == (ANSWERS[answer].status, content_of(answer))
    # What comes after it is reported alone, so it was not late.
    stack.ask({"prompt": "after"}, "/v1/completions")
    assert only_report(stack).prompt == "after"


def leave(connection: http.client.HTTPConnection) -> None:
    connection.sock.close()
    connection.close()


def aborts(stack) -> int:
    return stack.stats()["http.llm.downstream_rq_rx_reset"]


def test_a_client_that_leaves_in_mid_stream_is_not_reported(stack):
    before = aborts(stack)
    connection = stack.send(CALLS["/v1/completions"], "/v1/completions", answer="gated")
    response = connection.getresponse()
    assert response.readline().startswith(b"data:")
    response.close()
    leave(connection)
    wait_until(lambda: aborts(stack) > before, "Envoy's notice of it")
    for _ in range(LONG_STREAM):
        stack.backend.next_part.release()
    stack.ask({"prompt": "after"}, "/v1/completions")
    assert only_report(stack).prompt == "after"


def test_a_client_that_leaves_before_its_answer_disturbs_nobody(stack):
    before = aborts(stack)
    connection = stack.send(CALLS["/v1/completions"], "/v1/completions", answer="held")
    wait_until(lambda: bool(stack.backend.received), "the request")
    leave(connection)
    wait_until(lambda: aborts(stack) > before, "Envoy's notice of it")
    stack.backend.next_part.release()
    stack.ask({"prompt": "after"}, "/v1/completions")
    assert only_report(stack).prompt == "after"


def test_a_client_that_leaves_while_its_priority_is_asked_for_disturbs_nobody(stack):
    before = aborts(stack)
    stack.predictor.gate.clear()
    stack.predictor.entered.clear()
    connection = stack.send(CALLS["/v1/completions"], "/v1/completions")
    assert stack.predictor.entered.wait(30)
    leave(connection)
    stack.predictor.gate.set()
    wait_until(lambda: aborts(stack) > before, "Envoy's notice of it")
    stack.ask({"prompt": "after"}, "/v1/completions")
    wait_until(
        lambda: any(report.prompt == "after" for report in stack.predictor.stored.values()),
        "a report of the next",
    )
