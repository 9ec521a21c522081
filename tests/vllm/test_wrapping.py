"""The wrapper around AsyncLLM.add_request, and when there is none."""

import inspect
import logging
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from vllm.v1.engine.async_llm import AsyncLLM

from scheduler_client.vllm_plugin import log
from scheduler_client.vllm_plugin.plugin import signature_trouble, wrap
from tests.vllm.fakes import engine


def engine_class():
    """As AsyncLLM is called: by position up to params, by name after."""

    class Engine:
        def __init__(self) -> None:
            self.__dict__ |= vars(engine())
            self.calls = []
            self.aborted = []
            self.error = None

        async def add_request(  # noqa: PLR0917  as vLLM's
            self, request_id, prompt, params, arrival_time=None, lora_request=None, priority=0
        ):
            if self.error:
                raise self.error
            self.calls.append((request_id, priority))
            return SimpleNamespace(request_id=f"{request_id}-1a2b")

        async def abort(self, request_id, internal=False) -> None:
            self.aborted.append((tuple(request_id), internal))

    return Engine


PARAMS = SimpleNamespace(n=1, max_tokens=5)


@pytest.fixture
def warnings(monkeypatch, caplog):
    monkeypatch.setattr(log, "_said", set())
    monkeypatch.setattr(logging.getLogger("vllm"), "propagate", True)
    return caplog


def test_this_vllm_is_as_expected():
    assert signature_trouble(inspect.unwrap(AsyncLLM.add_request)) is None


async def test_the_engine_gets_the_request_with_its_priority(runtime):
    kind = engine_class()
    assert wrap(kind, runtime)
    serving = kind()
    await serving.add_request("r1", "hello", PARAMS)
    assert serving.calls == [("r1", 5)]


async def test_wrapping_twice_is_wrapping_once(runtime):
    kind = engine_class()
    wrap(kind, runtime)
    once = kind.add_request
    assert wrap(kind, runtime)
    assert kind.add_request is once


async def test_an_aborted_request_is_forgotten(runtime):
    kind = engine_class()
    wrap(kind, runtime)
    serving = kind()
    await serving.add_request("r1", "hello", PARAMS)
    await serving.abort("r1-1a2b", internal=True)
    assert serving.aborted == [(("r1-1a2b",), True)]
    assert runtime.advisor.forgotten == ["r1"]
    assert len(runtime.open_requests) == 0


async def test_a_request_that_the_engine_refuses_is_forgotten_and_its_error_kept(runtime):
    kind = engine_class()
    wrap(kind, runtime)
    serving = kind()
    serving.error = ValueError("too long")
    with pytest.raises(ValueError, match="too long"):
        await serving.add_request("r1", "hello", PARAMS)
    assert runtime.advisor.forgotten == ["r1"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ("async def add_request(self, prompt, params): ...", "begins with self, prompt"),
        ("def add_request(self, request_id, prompt, params): ...", "is no coroutine"),
        (
            "async def add_request(self, request_id, prompt, params, arrival_time=None, "
            "lora_request=None): ...",
            "takes no priority",
        ),
        (
            "async def add_request(self, request_id, prompt, params, arrival_time=None, "
            "lora_request=None, priority=None): ...",
            "default priority None",
        ),
    ],
)
def test_another_signature_turns_the_plugin_off_with_one_line(runtime, warnings, changed, said):
    scope = {}
    exec(changed, scope)
    kind = type("Engine", (), {"add_request": scope["add_request"]})
    assert not wrap(kind, runtime)
    assert not wrap(kind, runtime)
    assert kind.add_request is scope["add_request"]
    assert not runtime.wraps_engine
    (line,) = [r.getMessage() for r in warnings.records if "Lengthwise is off" in r.getMessage()]
    assert said in line


def run(code: str, **env: str) -> subprocess.CompletedProcess:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("LENGTHWISE_")}
    return subprocess.run(
        [sys.executable, "-c", code], env=kept | env, capture_output=True, text=True, check=False
    )


def test_without_a_target_vllm_is_untouched():
    done = run(
        "import vllm.plugins as p; p.load_general_plugins()\n"
        "from vllm.v1.engine.async_llm import AsyncLLM\n"
        "print(hasattr(AsyncLLM.add_request, '__lengthwise__'))"
    )
    assert done.stdout.split()[-1:] == ["False"], done.stderr


def test_a_bad_value_stops_the_start_and_names_the_variable():
    done = run(
        "import vllm.plugins as p; p.load_general_plugins()",
        LENGTHWISE_TARGET="127.0.0.1:1",
        LENGTHWISE_DEADLINE_S="soon",
    )
    assert done.returncode != 0
    assert "LENGTHWISE_DEADLINE_S" in done.stderr
