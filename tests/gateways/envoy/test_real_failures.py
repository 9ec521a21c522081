"""The processor killed, hung and started again, beside a real Envoy."""

import os
import signal

import pytest

from testbed.envoy import running_processor
from tests.gateways.envoy.backend import content_of
from tests.gateways.envoy.running import SETTINGS, running_stack
from tests.gateways.envoy.test_real_priorities import WORDS, is_typical
from tests.wait_until import wait_until

BODY = {"prompt": WORDS}
PATH = "/v1/completions"


@pytest.fixture
def breakable(tmp_path):
    with running_stack(tmp_path) as running:
        yield running


def is_predicted(stack) -> bool:
    return stack.place(BODY, PATH).stands_for(len(WORDS))


def goes_by_arrival(stack) -> bool:
    return stack.place(BODY, PATH).stands_for(0)


def test_while_the_processor_is_dead_requests_go_by_their_arrival(breakable):
    assert is_predicted(breakable)
    breakable.kill_processor()
    for _ in range(3):
        assert goes_by_arrival(breakable)
    target = breakable.served_predictor.target
    with running_processor(breakable.folder, breakable.processor_port, target, SETTINGS):
        breakable.await_processor()
        assert is_predicted(breakable)


def test_a_processor_that_hangs_holds_up_few_requests_and_those_briefly(breakable):
    os.kill(breakable.processor.pid, signal.SIGSTOP)
    assert goes_by_arrival(breakable)
    stats = breakable.stats()
    assert stats["http.llm.ext_proc.priority.message_timeouts"] == 1
    wait_until(lambda: not breakable.is_processor_healthy(), "Envoy's notice of it")
    assert goes_by_arrival(breakable)
    assert breakable.stats()["http.llm.ext_proc.priority.message_timeouts"] == 1
    os.kill(breakable.processor.pid, signal.SIGCONT)
    breakable.await_processor()
    assert is_predicted(breakable)


def test_tokens_pass_while_the_processor_hangs(breakable):
    pid = breakable.processor.pid
    content = breakable.read_gated(BODY, PATH, lambda: os.kill(pid, signal.SIGSTOP))
    assert content == content_of("gated")
    os.kill(breakable.processor.pid, signal.SIGCONT)
    wait_until(lambda: bool(breakable.predictor.stored), "the report, when it goes on")


def test_tokens_pass_when_the_processor_is_killed(breakable):
    content = breakable.read_gated(BODY, PATH, breakable.kill_processor)
    assert content == content_of("gated")


def test_the_processor_ends_in_order_and_sends_its_last_reports(breakable):
    breakable.ask(BODY, PATH)
    breakable.processor.terminate()
    assert breakable.processor.wait(20) == 0
    (report,) = breakable.predictor.stored.values()
    assert report.output_tokens == 7


def test_while_the_predictor_is_dead_requests_go_by_the_typical_length(breakable):
    breakable.served_predictor.stop()
    assert is_typical(breakable.place(BODY, PATH))
    assert breakable.stats()["http.llm.ext_proc.priority.message_timeouts"] == 0
