"""The middleware with a scripted predictor."""

import time

import pytest
from prometheus_client import CollectorRegistry

from scheduler_client.advisor.connection import Connection
from scheduler_client.advisor.rate_limited_log import RateLimitedLog
from scheduler_client.advisor.settings import AdvisorSettings
from scheduler_client.gateways.vllm_middleware.asgi import VllmMiddleware
from scheduler_client.gateways.vllm_middleware.calls import Calls
from scheduler_client.vllm_plugin.metrics import PluginMetrics
from tests.gateways.vllm_middleware.served import Served
from tests.scheduler_client.advisor.helpers import ScriptedClient


@pytest.fixture
def served():
    return Served()


@pytest.fixture
async def client():
    return ScriptedClient()


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
async def calls(client, registry):
    """Places by arrival and length, at a time of the test's own."""
    settings = AdvisorSettings(
        "127.0.0.1:1",
        rule="aged",
        rule_options="weight=1",
        deadline_s=10.0,
        report_interval_s=0.01,
    )
    made = Calls(
        settings,
        RateLimitedLog(time.monotonic),
        PluginMetrics(registry),
        clock=lambda: 1000.0,
        connection=Connection(settings, lambda _: client),
    )
    yield made
    await made.close()


@pytest.fixture
def middleware(served, calls):
    return VllmMiddleware(served, calls)
