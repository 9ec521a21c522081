"""Real engines, each started once, and how tests talk to them."""

import asyncio
import gc
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from scheduler_client.vllm_plugin.sidecar_process import MODULE
from testbed.engine import CACHE, Engine, running_engine
from testbed.engine_metrics import parse_metrics, total
from testbed.engine_options import EngineOptions
from testbed.tiny_model import tiny_model
from tests.vllm.predictor_process import PredictorProcess
from tests.wait_until import wait_until

STEP_S = 0.01
"""Every step takes as long, so that a queue forms behind a few requests, on a busy machine too."""

SETTINGS = {
    # Its keys can be foretold; the default learns.
    "LENGTHWISE_RULE": "aged",
    "LENGTHWISE_RULE_OPTIONS": "weight=16",
    "LENGTHWISE_REPORT_INTERVAL_S": "0.2",
    # Of one that hangs: long enough for a machine under load, short enough to wait for.
    "LENGTHWISE_ANSWER_TIMEOUT_S": "2",
}


@pytest.fixture(scope="session")
def model():
    return tiny_model(CACHE)


@pytest.fixture(scope="session")
def predictor(tmp_path_factory):
    """Started once; a test that ends it starts it again."""
    process = PredictorProcess(tmp_path_factory.mktemp("predictor"))
    process.start()
    yield process
    process.kill()


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("engines")


@pytest.fixture(scope="session")
def engine(model, predictor, folder):
    """One slot, the plugin on: what a user gets."""
    settings = {"LENGTHWISE_TARGET": predictor.target, **SETTINGS}
    options = EngineOptions(slots=1, step_s=STEP_S, environment=settings)
    with running_engine(model, folder, options) as running:
        yield running


@pytest.fixture(scope="session")
def llm_engine(model, predictor):
    """An LLM of vLLM's in this process, one slot, preemption on: a test makes every step."""
    from vllm import LLM
    from vllm.distributed import cleanup_dist_env_and_memory

    from scheduler_client.vllm_plugin.plugin import register

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
        patch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("LENGTHWISE_TARGET", predictor.target)
        patch.setenv("LENGTHWISE_RULE", "shortest")
        patch.setenv("LENGTHWISE_PREEMPTION", "on")
        patch.setenv("LENGTHWISE_REPORT_INTERVAL_S", "0.2")
        # No test of this engine is about a late predictor, which a machine under load makes of any.
        patch.setenv("LENGTHWISE_ANSWER_TIMEOUT_S", "60")
        register()
        made = LLM(
            str(model),
            max_num_seqs=1,
            enforce_eager=True,
            # With bfloat16 a random model's best two tokens tie now and then.
            dtype="float32",
            scheduling_policy="priority",
            disable_log_stats=False,
        )
    # What was set ends here: a server that another test starts is one of its own.
    yield made
    made.llm_engine.engine_core.shutdown()
    del made
    gc.collect()
    cleanup_dist_env_and_memory()


@pytest.fixture
def llm(llm_engine):
    """The same, with nothing kept of what another test asked."""
    llm_engine.reset_prefix_cache()
    return llm_engine


def sidecars_of(engine: Engine) -> list[int]:
    """The processes of an engine that are sidecars and have not ended."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            # Of a line "pid (name) state parent group …": the name may hold anything.
            state, _, group = (folder / "stat").read_text().rpartition(") ")[2].split()[:3]
        except OSError:  # it has just ended
            continue
        if MODULE.encode() in command and int(group) == engine.pid and state != "Z":
            found.append(int(folder.name))
    return found


class Caller:
    """Asks an engine, and notes in which order answers come."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.ended: list[str] = []
        limits = httpx.Limits(max_connections=None)
        self._http = httpx.AsyncClient(base_url=engine.url, timeout=120, limits=limits)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_) -> None:
        await self._http.aclose()

    async def complete(self, prompt, tokens, name="", *, headers=None, **more):
        """An answer of exactly so many tokens."""
        body = {"prompt": prompt, "max_tokens": tokens, "ignore_eos": True, "temperature": 0}
        return await self.post("/v1/completions", body | more, name, headers)

    async def chat(self, text, tokens, name="", **more):
        messages = [{"role": "user", "content": text}]
        body = {"messages": messages, "max_tokens": tokens, "ignore_eos": True, "temperature": 0}
        return await self.post("/v1/chat/completions", body | more, name, None)

    async def post(self, path, body, name="", headers=None):
        answer = await self._http.post(
            path, json={"model": self.engine.model, **body}, headers=headers
        )
        self.ended.append(name)
        answer.raise_for_status()
        return answer.json()

    async def stream(self, prompt, tokens, name=""):
        """The texts of the events."""
        body = {"model": self.engine.model, "prompt": prompt, "max_tokens": tokens}
        body |= {"ignore_eos": True, "temperature": 0, "stream": True}
        async with self._http.stream("POST", "/v1/completions", json=body) as answer:
            lines = [line async for line in answer.aiter_lines() if line.startswith("data: {")]
        self.ended.append(name)
        return lines


PREFILLED = "vllm:prompt_tokens_total"
WAITING = "vllm:num_requests_waiting"
LONG = "tell me a long story about the sea " * 10
"""Predicted to run for as many tokens as it has characters, whatever it does run for."""
BLOCK_TOKENS = 6_000
"""More than will come: it hangs up once the queue has formed."""


async def queue_up(caller: Caller, *requests) -> None:
    """Have requests wait for an engine's only slot, and wait for their answers.

    All wait before the first of them may run: so neither the client, the server nor the predictor
    can be so late that it decides on their order.
    """
    started = counted(caller.engine, PREFILLED)
    block = asyncio.create_task(caller.complete(LONG, BLOCK_TOKENS, "block"))
    await until(lambda: counted(caller.engine, PREFILLED) > started, "the first request's start")
    tasks = []
    for request in requests:
        tasks.append(asyncio.create_task(request))
        await asyncio.sleep(0.1)
    await until(lambda: counted(caller.engine, WAITING) == len(requests), "the queue")
    block.cancel()
    await asyncio.gather(*tasks)


async def until(holds: Callable[[], bool], what: str) -> None:
    """Wait without holding up the requests under way."""
    await asyncio.to_thread(wait_until, holds, what)


def counted(engine: Engine, name: str, **labels: str) -> float:
    return total(parse_metrics(engine.get("/metrics")), name, **labels)


PREDICTIONS = "lengthwise_predictions_total"


def asked_again(engine) -> Callable[[], bool]:
    """Whether requests are predicted from now on, found by asking; a new sidecar counts from 0."""
    before = counted(engine, PREDICTIONS)

    def holds() -> bool:
        asyncio.run(one(engine))
        return counted(engine, PREDICTIONS) not in (0, before)

    return holds


async def one(engine) -> None:
    async with Caller(engine) as caller:
        await caller.complete("are you there", 2)
