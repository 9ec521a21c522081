"""Which of our fields the real routers hand on to an engine: the table of docs/integrations.md.

A version that does otherwise fails here, and the table is to be written anew.
"""

import sys
from contextlib import contextmanager, suppress

import httpx
import pytest

from testbed.server_process import free_port, running_server
from tests.gateways.recording_backend import serving_backend

START_TIMEOUT_S = 120.0
"""A guard: they start within seconds."""

HEADER = "x-vllm-priority"
BODIES = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "hi"}]},
    "/v1/completions": {"prompt": "hi"},
    "/v1/responses": {"input": "hi"},
    "/v1/messages": {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 5},
    "/generate": {"text": "hi"},
}

HEADER_AND_BODY = (True, True)
HEADER_ALONE = (True, False)
BODY_ALONE = (False, True)
NEITHER = (False, False)
NOT_SERVED = None

TABLE = [
    ("vllm_router", "/v1/chat/completions", HEADER_AND_BODY),
    ("vllm_router", "/v1/completions", HEADER_AND_BODY),
    ("vllm_router", "/v1/responses", BODY_ALONE),
    ("vllm_router", "/v1/messages", BODY_ALONE),
    ("sglang_router", "/v1/chat/completions", NEITHER),
    ("sglang_router", "/v1/completions", BODY_ALONE),
    ("sglang_router", "/v1/responses", BODY_ALONE),
    ("sglang_router", "/v1/messages", NOT_SERVED),
    ("sglang_router", "/generate", BODY_ALONE),
]


@pytest.fixture(scope="module")
def backend():
    with serving_backend() as serving:
        yield serving


@contextmanager
def running_router(name, backend_url, folder):
    """A router before one engine, and where it listens."""
    port = free_port()
    command = [sys.executable, "-m", f"{name}.launch_router", "--worker-urls", backend_url]
    command += ["--host", "127.0.0.1", "--port", str(port), "--policy", "round_robin"]
    command += ["--prometheus-port", str(free_port())]
    url = f"http://127.0.0.1:{port}"

    def is_ready():
        with suppress(httpx.HTTPError):
            return httpx.get(f"{url}/readiness", timeout=2, trust_env=False).status_code == 200
        return False

    environment = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    with running_server(
        command,
        is_ready,
        folder / f"{name}.log",
        environment=environment,
        timeout_s=START_TIMEOUT_S,
    ):
        yield url


@pytest.fixture(scope="module")
def routers(backend, tmp_path_factory):
    """Name to address."""
    folder = tmp_path_factory.mktemp("routers")
    with (
        running_router("vllm_router", backend.url, folder) as vllm,
        running_router("sglang_router", backend.url, folder) as sglang,
    ):
        yield {"vllm_router": vllm, "sglang_router": sglang}


@pytest.mark.parametrize(("router", "path", "passes"), TABLE)
def test_a_priority_passes_as_the_table_says(routers, backend, router, path, passes):
    before = len(backend.requests)
    body = {"model": "m", "priority": 5, **BODIES[path]}
    answer = httpx.post(
        routers[router] + path, json=body, headers={HEADER: "7"}, timeout=30, trust_env=False
    )
    if passes is NOT_SERVED:
        assert answer.status_code == 404
        return
    assert answer.status_code == 200
    ((came_at, headers, came),) = backend.requests[before:]
    assert came_at == path
    assert (headers.get(HEADER) == "7", came.get("priority") == 5) == passes


def test_hints_for_dynamo_pass_a_router_only_where_it_keeps_unknown_fields(routers, backend):
    passed = {}
    for name, url in routers.items():
        before = len(backend.requests)
        body = {
            "model": "m",
            "nvext": {"agent_hints": {"osl": 8}},
            **BODIES["/v1/chat/completions"],
        }
        httpx.post(url + "/v1/chat/completions", json=body, timeout=30, trust_env=False)
        passed[name] = "nvext" in backend.requests[before][2]
    assert passed == {"vllm_router": True, "sglang_router": False}
