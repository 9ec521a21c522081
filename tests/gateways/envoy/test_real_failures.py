"""The processor killed, hung and started again, beside a real Envoy."""

import os
import signal
import time

import pytest

from testbed.envoy import running_processor
from tests.gateways.envoy.backend import ANSWERS, LONG_STREAM
from tests.gateways.envoy.running import SETTINGS, running_stack
from tests.gateways.envoy.test_real_priorities import SLACK_S, WORDS, length_of
from tests.wait_until import wait_until

BODY = {"prompt": WORDS}
PATH = "/v1/completions"


@pytest.fixture
def breakable(tmp_path):
    with running_stack(tmp_path) as running:
        yield running


def placed(stack) -> float:
    """The tokens of the priority that a request reaches the backend with."""
    sent_s = time.time()
    assert stack.ask(BODY, PATH)[0] == 200
    return length_of(stack.reached().priority, sent_s)


def kill(stack) -> None:
    stack.processor.kill()
    stack.processor.wait()


def read_gated(stack, between) -> bytes:
    """The whole of a stream, each part of which is sent when the one before has been read."""
    connection = stack.send(BODY, PATH, answer="gated")
    response = connection.getresponse()
    first, *others = ANSWERS["gated"].parts
    content = response.read(len(first))
    between()
    for part in others:
        stack.backend.next_part.release()
        content += response.read(len(part))
    connection.close()
    return content


def test_while_the_processor_is_dead_requests_go_by_their_arrival(breakable):
    assert placed(breakable) == pytest.approx(len(WORDS), abs=SLACK_S)
    kill(breakable)
    for _ in range(3):
        assert placed(breakable) == pytest.approx(0, abs=SLACK_S)
    target = breakable.served_predictor.target
    with running_processor(breakable.folder, breakable.processor_port, target, SETTINGS):
        breakable.await_processor()
        assert placed(breakable) == pytest.approx(len(WORDS), abs=SLACK_S)


def test_a_processor_that_hangs_holds_up_few_requests_and_those_briefly(breakable):
    os.kill(breakable.processor.pid, signal.SIGSTOP)
    assert placed(breakable) == pytest.approx(0, abs=SLACK_S)
    stats = breakable.stats()
    assert stats["http.llm.ext_proc.priority.message_timeouts"] == 1
    wait_until(lambda: not breakable.is_processor_healthy(), "Envoy's notice of it")
    assert placed(breakable) == pytest.approx(0, abs=SLACK_S)
    assert breakable.stats()["http.llm.ext_proc.priority.message_timeouts"] == 1
    os.kill(breakable.processor.pid, signal.SIGCONT)
    breakable.await_processor()
    assert placed(breakable) == pytest.approx(len(WORDS), abs=SLACK_S)


def test_tokens_pass_while_the_processor_hangs(breakable):
    content = read_gated(breakable, lambda: os.kill(breakable.processor.pid, signal.SIGSTOP))
    assert content == b"".join(ANSWERS["gated"].parts)
    os.kill(breakable.processor.pid, signal.SIGCONT)
    wait_until(lambda: bool(breakable.predictor.stored), "the report, when it goes on")


def test_tokens_pass_when_the_processor_is_killed(breakable):
    assert read_gated(breakable, lambda: kill(breakable)) == b"".join(ANSWERS["gated"].parts)
    assert len(ANSWERS["gated"].parts) > LONG_STREAM


def test_the_processor_ends_in_order_and_sends_its_last_reports(breakable):
    breakable.ask(BODY, PATH)
    breakable.processor.terminate()
    assert breakable.processor.wait(20) == 0
    (report,) = breakable.predictor.stored.values()
    assert report.output_tokens == 7


def test_while_the_predictor_is_dead_requests_go_by_the_typical_length(breakable):
    breakable.served_predictor.stop()
    assert 0 < placed(breakable) <= 200 + SLACK_S
    assert breakable.stats()["http.llm.ext_proc.priority.message_timeouts"] == 0
