"""The callback as LiteLLM's class calls it, against a predictor on a real socket."""

import asyncio
import importlib
from contextlib import asynccontextmanager

import pytest
from litellm.integrations.custom_logger import CustomLogger

from scheduler_client.gateways import litellm_callback
from scheduler_client.gateways.litellm_callback import LengthwiseCallback
from scheduler_client.gateways.litellm_settings import LitellmSettings
from scheduler_client.gateways.priorities import ENGINES
from tests.scheduler_client.advisor.helpers import settings, until
from tests.scheduler_client.fake_service import FakeService, serving


@pytest.fixture
def service():
    with serving(FakeService()) as running:
        yield running


@asynccontextmanager
async def calling_back(target, engine="vllm", **options):
    """A callback, ended with its tasks."""
    own = {"deadline_s": 10.0, "rule": "aged", **options}
    callback = LengthwiseCallback(LitellmSettings(settings(target, **own), engine))
    yield callback
    if callback._advisor is not None:
        await callback._advisor.close()


def call(text="hello", **fields):
    message = {"role": "user", "content": text}
    return {"model": "m", "messages": [message], "litellm_call_id": "a"} | fields


async def before(callback, data, call_type="acompletion"):
    return await callback.async_pre_call_hook(None, None, data, call_type)


async def after(callback, call_id="a", **payload):
    response = {"object": "chat.completion", "choices": [{"finish_reason": "stop"}]}
    payload = {"status": "success", "completion_tokens": 11, "response": response} | payload
    kwargs = {"litellm_call_id": call_id, "standard_logging_object": payload}
    await callback.async_log_success_event(kwargs, None, None, None)


def test_it_is_one_of_litellms_loggers_and_overrides_what_it_has():
    assert issubclass(LengthwiseCallback, CustomLogger)
    own = {name for name in vars(LengthwiseCallback) if name.startswith("async_")}
    assert own <= set(vars(CustomLogger))


async def test_a_call_goes_on_with_a_priority_and_is_reported_at_its_end(service):
    async with calling_back(service.target) as callback:
        data = await before(callback, call())
        assert int(data["extra_headers"]["X-Vllm-Priority"]) > 0
        await after(callback)
        await until(lambda: service.service.stored)
    (completion,) = service.service.stored.values()
    assert (completion.prompt, completion.output_tokens) == ("hello", 11)


@pytest.mark.parametrize("engine", ENGINES)
async def test_each_engine_is_told_in_its_own_field(service, engine):
    async with calling_back(service.target, engine) as callback:
        data = await before(callback, call("x" * 32))
    body = data.get("extra_body") or {}
    if engine == "sglang":
        assert body == {"priority": 5}  # two to the fifth tokens
    elif engine == "sglang-aged":
        assert 0 < body["priority"] < 2**31
    elif engine == "dynamo":
        assert body["nvext"]["agent_hints"]["osl"] == 32
    else:
        assert int(data["extra_headers"]["X-Vllm-Priority"]) > 0


async def test_in_shadow_it_is_asked_and_reported_and_nothing_changes(service):
    async with calling_back(service.target, shadow=True) as callback:
        assert await before(callback, call()) == call()
        await after(callback)
        await until(lambda: service.service.stored)


async def test_a_call_that_failed_for_good_is_not_reported(service):
    async with calling_back(service.target) as callback:
        data = await before(callback, call())
        await callback.async_post_call_failure_hook(data, RuntimeError("no"), None)
        await after(callback)
        await before(callback, call("last", litellm_call_id="b"))
        await after(callback, "b")
        await until(lambda: service.service.stored)
    assert [stored.prompt for stored in service.service.stored.values()] == ["last"]


async def test_an_answer_of_a_fallback_is_not_reported(service):
    async with calling_back(service.target) as callback:
        await before(callback, call("first"))
        await after(callback, model_group="another")
        await before(callback, call("last"))
        await after(callback, model_group="m")
        await until(lambda: service.service.stored)
    assert [stored.prompt for stored in service.service.stored.values()] == ["last"]


async def test_no_fault_of_ours_reaches_the_caller(service, caplog):
    async with calling_back(service.target) as callback:
        await before(callback, call())
        advisor = callback._advisor
        advisor.place = advisor.ended = None  # calling it raises
        assert await before(callback, call("two")) == call("two")
        await after(callback)
        await callback.async_log_success_event({}, None, None, None)
        await callback.async_post_call_failure_hook({}, RuntimeError("no"), None)
        await asyncio.sleep(0)
        await until(lambda: callback._log.faults == 3)
    assert "choosing a priority for LiteLLM" in caplog.text


async def test_an_end_told_on_another_thread_is_taken_in(service):
    async with calling_back(service.target) as callback:
        await before(callback, call())
        await asyncio.to_thread(asyncio.run, after(callback))
        await until(lambda: service.service.stored)


async def test_without_a_target_every_call_is_left_as_it_is():
    callback = LengthwiseCallback(None)
    assert await before(callback, call()) == call()
    await after(callback)


def test_a_bad_variable_stops_the_proxys_start_and_is_named(monkeypatch):
    monkeypatch.setenv("LENGTHWISE_TARGET", "127.0.0.1:1")
    monkeypatch.setenv("LENGTHWISE_ENGINE", "tgi")
    with pytest.raises(ValueError, match="LENGTHWISE_ENGINE is 'tgi': expected one of"):
        importlib.reload(litellm_callback)
