"""LiteLLM's real proxy as a process, with our callback in it."""

import json
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from testbed.engine import ROOT
from testbed.server_process import free_port, running_server

CALLBACK = "scheduler_client.gateways.litellm_callback.lengthwise"
START_TIMEOUT_S = 300.0
"""It imports for six seconds of a core; on a machine that is shared by many for two minutes."""

HANG_GUARD_S = 60.0
"""Of a request: no test waits for it."""


class Proxy:
    """A running proxy, and an open connection to it.

    Args:
        url: Where it listens.
        key: That it wants to see.
        log_file: What it prints.
    """

    def __init__(self, url: str, key: str, log_file: Path) -> None:
        self.log_file = log_file
        headers = {"authorization": f"Bearer {key}"}
        self.http = httpx.Client(
            base_url=url, headers=headers, timeout=HANG_GUARD_S, trust_env=False
        )

    def post(self, path: str, **body: Any) -> httpx.Response:
        """Send a request, for the model `m` unless it says another, and read all of its answer."""
        return self.http.post(path, json={"model": "m", **body})

    def chat(self, text: str, **body: Any) -> httpx.Response:
        return self.post(
            "/v1/chat/completions", messages=[{"role": "user", "content": text}], **body
        )

    def leave(self, text: str) -> None:
        """Hear the first word of a stream, and leave."""
        body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": text}]}
        with self.http.stream("POST", "/v1/chat/completions", json=body) as answer:
            assert next(answer.iter_lines()).startswith("data:")


@contextmanager
def running_proxy(
    folder: Path, backend_url: str, target: str, environment: dict[str, str] | None = None
) -> Iterator[Proxy]:
    """Serve the models `m` and `other` from one backend until the block ends.

    Args:
        folder: For the configuration and the log.
        backend_url: Of the engine.
        target: Of the predictor.
        environment: LENGTHWISE_ variables beside LENGTHWISE_TARGET.
    """
    port, key = free_port(), f"sk-{secrets.token_hex(16)}"
    params = {"model": "openai/m", "api_base": f"{backend_url}/v1", "api_key": "none"}
    models = [{"model_name": name, "litellm_params": params} for name in ("m", "other")]
    settings = {"callbacks": CALLBACK, "cache": True, "cache_params": {"type": "local"}}
    config = {
        "model_list": models,
        "litellm_settings": {**settings, "num_retries": 0},
        "general_settings": {"master_key": key},
    }
    file, log_file = folder / f"config-{port}.yaml", folder / f"proxy-{port}.log"
    file.write_text(json.dumps(config))  # JSON is YAML
    litellm = str(Path(sys.executable).with_name("litellm"))
    command = [litellm, "--config", str(file), "--host", "127.0.0.1", "--port", str(port)]
    url = f"http://127.0.0.1:{port}"

    def is_ready() -> bool:
        with suppress(httpx.HTTPError):
            live = httpx.get(f"{url}/health/liveliness", timeout=2, trust_env=False)
            return live.status_code == 200
        return False

    settled = {
        "PYTHONPATH": str(ROOT),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        "LENGTHWISE_TARGET": target,
        "LENGTHWISE_REPORT_INTERVAL_S": "0.05",
        **(environment or {}),
    }
    with running_server(
        command, is_ready, log_file, environment=settled, timeout_s=START_TIMEOUT_S
    ):
        yield Proxy(url, key, log_file)
