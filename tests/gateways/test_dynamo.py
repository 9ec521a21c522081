"""What NVIDIA Dynamo's real HTTP frontend takes of a request that has our fields.

Its own process, since its runtime is one for each: `python -m tests.gateways.dynamo_frontend PORT`.
"""

import json
import sys
from contextlib import suppress

import httpx
import pytest

from lengthwise.scheduling.keys import INT64_MAX, aged_key
from scheduler_client.gateways.placed_request import PlacedRequest
from scheduler_client.gateways.priorities import FIELDS_OF_ENGINE
from testbed.engine import ROOT
from testbed.server_process import free_port, running_server

NOW_S = 1_795_000_000.0
START_TIMEOUT_S = 120.0
"""A guard: it starts within seconds."""


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    port = free_port()
    url = f"http://127.0.0.1:{port}"

    def is_ready():
        with suppress(httpx.HTTPError):
            return httpx.get(f"{url}/health", timeout=2, trust_env=False).status_code == 200
        return False

    with running_server(
        [sys.executable, "-m", "tests.gateways.dynamo_frontend", str(port)],
        is_ready,
        tmp_path_factory.mktemp("dynamo") / "log",
        environment={"PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"},
        timeout_s=START_TIMEOUT_S,
    ):
        yield url


def ask(url, **fields):
    messages = [{"role": "user", "content": "hi"}]
    body = {"model": "m", "messages": messages, **fields}
    return httpx.post(f"{url}/v1/chat/completions", json=body, timeout=30, trust_env=False)


def came(answer):
    """What came through to the engine, which answers with what it was asked."""
    return json.loads(answer.json()["choices"][0]["message"]["content"])


@pytest.mark.parametrize(
    ("key", "tokens"),
    [(aged_key(NOW_S, 2.5), 123.4), (-(2**63), 0.0), (INT64_MAX, float("inf"))],
)
def test_our_hints_are_taken_as_they_are_whatever_the_key_and_the_length(url, key, tokens):
    fields = FIELDS_OF_ENGINE["dynamo"](PlacedRequest(key, NOW_S, tokens)).body
    answer = ask(url, **fields)
    assert answer.status_code == 200, answer.text
    assert came(answer)["nvext"] == fields["nvext"]


@pytest.mark.parametrize(
    "fields",
    [
        {"nvext": {"agent_hints": {"osl": 2**32}}},
        {"nvext": {"agent_hints": {"osl": 12.5}}},
        {"nvext": {"agent_hints": {"priority": -(2**31) - 1}}},
        {"priority": 5},
    ],
)
def test_what_would_not_fit_is_a_400_so_ours_must(url, fields):
    assert ask(url, **fields).status_code == 400


def test_its_own_header_goes_before_the_hint(url):
    headers = {"x-dynamo-request-priority": "7"}
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    body["nvext"] = {"agent_hints": {"priority": 1, "osl": 8}}
    answer = httpx.post(
        f"{url}/v1/chat/completions", json=body, headers=headers, timeout=30, trust_env=False
    )
    assert came(answer)["nvext"]["agent_hints"] == {"priority": 7, "osl": 8}
