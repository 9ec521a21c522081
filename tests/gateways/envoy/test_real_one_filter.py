"""One filter that waits for the priority and for the processor's word on every part of the answer.

So it is where a gateway writes Envoy's configuration and knows no observability mode.
"""

import pytest

from tests.gateways.envoy.backend import ANSWERS, content_of
from tests.gateways.envoy.running import SHIPPED, running_stack
from tests.gateways.envoy.test_real_endings import CALLS, only_report
from tests.gateways.envoy.test_real_priorities import WORDS


def one_filter() -> str:
    """The shipped configuration without its second filter, whose work the first does."""
    before, filter_and_after = SHIPPED.split("- name: lengthwise.length", 1)
    _, after = filter_and_after.split("- name: envoy.filters.http.router", 1)
    config = f"{before}- name: envoy.filters.http.router{after}"
    config = config.replace("lengthwise.length: *unseen", "")
    config = config.replace("response_header_mode: SKIP", "response_header_mode: SEND")
    return config.replace("response_body_mode: NONE", "response_body_mode: STREAMED")


@pytest.fixture(scope="module")
def waiting(tmp_path_factory):
    with running_stack(tmp_path_factory.mktemp("one"), one_filter()) as running:
        yield running


@pytest.mark.parametrize("answer", ["stream", "text"])
def test_one_filter_sets_the_priority_and_reports_the_length(waiting, answer):
    waiting.predictor.stored.clear()
    body = {"prompt": WORDS}
    assert waiting.place(body, "/v1/completions", answer=answer).stands_for(len(WORDS))
    assert only_report(waiting).output_tokens == 7


@pytest.mark.parametrize("answer", ["cut", "error", "no-json", "gzip"])
def test_what_says_no_true_length_arrives_all_the_same(waiting, answer):
    status, content = waiting.ask(CALLS["/v1/completions"], "/v1/completions", answer=answer)
    assert (status, content) == (ANSWERS[answer].status, content_of(answer))


def test_a_body_beyond_what_envoy_holds_goes_on_whole(waiting):
    body = b'{"prompt": "' + b"x" * (3 * 2**20) + b'"}'
    assert waiting.ask(body, "/v1/completions")[0] == 200
    assert waiting.reached().body == body


def test_tokens_pass_when_the_processor_is_killed(waiting):
    content = waiting.read_gated({"prompt": "hi"}, "/v1/completions", waiting.kill_processor)
    assert content == content_of("gated")
