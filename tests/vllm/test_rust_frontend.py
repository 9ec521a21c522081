"""Behind vLLM's Rust frontend: the same order, the same reports.

LENGTHWISE_TEST_RUST_FRONTEND names its binary, `vllm-rs` in the wheel of vllm 0.33.
"""

import asyncio
import os
import urllib.request
from urllib.error import URLError

import pytest

from testbed.engine import running_engine
from testbed.engine_metrics import parse_metrics, total
from testbed.engine_options import EngineOptions
from testbed.server_process import free_port
from tests.vllm.engines import LONG, SETTINGS, STEP_S, Caller, sidecars_of, until
from tests.wait_until import wait_until

BINARY = os.environ.get("LENGTHWISE_TEST_RUST_FRONTEND", "")

pytestmark = pytest.mark.skipif(not BINARY, reason="LENGTHWISE_TEST_RUST_FRONTEND is not set")


@pytest.fixture(scope="module")
def metrics_port():
    return free_port()


@pytest.fixture(scope="module")
def rust(model, predictor, folder, metrics_port):
    environment = {
        "LENGTHWISE_TARGET": predictor.target,
        "LENGTHWISE_METRICS_PORT": str(metrics_port),
        "VLLM_USE_RUST_FRONTEND": "1",
        "VLLM_RUST_FRONTEND_PATH": BINARY,
        **SETTINGS,
    }
    options = EngineOptions(slots=1, step_s=STEP_S, environment=environment)
    with running_engine(model, folder, options) as running:
        yield running
    wait_until(lambda: sidecars_of(running) == [], "the sidecar's end")


def counted(port: int, name: str, **labels: str) -> float:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            return total(parse_metrics(str(answer.read(), "utf-8")), name, **labels)
    except URLError:  # the engine may be ready before its sidecar is
        return 0.0


async def test_requests_are_ordered_and_reported_and_a_callers_priority_wins(
    rust, predictor, metrics_port
):
    async with Caller(rust) as caller:
        first = asyncio.create_task(caller.complete("a first one " + LONG, 150))
        predictions = "lengthwise_predictions_total"
        await until(lambda: counted(metrics_port, predictions) >= 1, "the first one's start")
        await asyncio.gather(
            first,
            caller.complete("elder " + LONG, 10),
            caller.complete("willow", 10),
            caller.complete("hazel " + LONG, 10, priority=-5),
            caller.complete("poplar " + LONG, 10, headers={"X-Vllm-Priority": "-7"}),
        )

    def ended():
        words = ("elder", "willow", "hazel", "poplar")
        prompts = [report["prompt"] for report in predictor.reported()]
        return [word for prompt in prompts for word in words if prompt.startswith(word)]

    await until(lambda: len(ended()) == 4, "the reports")
    assert ended() == ["poplar", "hazel", "willow", "elder"]
    waited = "lengthwise_waited_total"
    await until(lambda: counted(metrics_port, waited, ordered_by="prediction") == 2, "the count")


async def test_the_rust_frontend_takes_no_priority_beyond_32_bits(rust):
    async with Caller(rust) as caller:
        answer = await caller._http.post(
            "/v1/completions",
            json={"model": rust.model, "prompt": "hi", "max_tokens": 2, "priority": 2**40},
        )
    assert answer.status_code == 400
