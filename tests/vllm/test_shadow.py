"""In shadow the engine sees what it would see without Lengthwise."""

import logging
from dataclasses import replace

import pytest
from vllm import SamplingParams

from scheduler_client.vllm_plugin.admission import admit
from scheduler_client.vllm_plugin.middleware import LengthwiseMiddleware
from scheduler_client.vllm_plugin.plugin import say_start
from tests.vllm.fakes import engine
from tests.vllm.test_admission import SCHEDULER, core_request
from tests.vllm.test_middleware import Served, post


@pytest.fixture
def shadow(runtime):
    runtime.settings = replace(runtime.settings, shadow=True)
    return runtime


@pytest.mark.parametrize("policy", ["fcfs", "priority"])
async def test_a_request_is_asked_about_and_gets_neither_priority_nor_hint(shadow, policy):
    params = SamplingParams(max_tokens=50)
    arguments = {"request_id": "r1", "prompt": "hello", "params": params}
    assert await admit(shadow, engine(policy, scheduler_cls=SCHEDULER), arguments) == "r1"
    (asked,) = shadow.advisor.questions
    assert asked.prompt == "hello"
    assert "priority" not in arguments
    assert arguments["params"] is params
    assert shadow.metrics.counts == {"predicted": 1}


async def test_what_cannot_be_asked_about_is_left_alone_too(shadow):
    arguments = {"request_id": "r1", "prompt": "hello", "params": SamplingParams(max_tokens=1)}
    await admit(shadow, engine(), arguments)
    assert "priority" not in arguments
    request = core_request()
    await admit(shadow, engine(), {"request_id": "r2", "prompt": request, "params": None})
    assert request.priority == 0


async def test_a_fault_on_this_side_changes_nothing(shadow):
    shadow.advisor.error = ZeroDivisionError("broken")
    arguments = {"request_id": "r1", "prompt": "hello", "params": SamplingParams(max_tokens=50)}
    await admit(shadow, engine(), arguments)
    assert "priority" not in arguments


async def test_the_middleware_adds_the_id_to_know_the_request_by_and_no_priority(shadow):
    served = Served()
    middleware = LengthwiseMiddleware(served)
    middleware._runtime = shadow
    await post(middleware, {"prompt": "hello", "model": "llm"})
    assert [question.prompt for question in shadow.advisor.questions] == ["hello"]
    assert set(served.headers) == {b"x-request-id"}


def test_the_log_says_so_at_the_start(shadow, caplog):
    shadow.wraps_engine = True
    with caplog.at_level(logging.INFO):
        say_start(shadow, "fcfs")
    assert "in shadow" in caplog.text
