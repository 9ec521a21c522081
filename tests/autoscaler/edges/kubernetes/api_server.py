"""The two calls of Kubernetes' API that mark a pod, over HTTP: no kube-apiserver can be had here.

It answers as Kubernetes' API reference says: a PodList for GET with a labelSelector, and a merge
patch of one pod, where null takes a key away. Whatever else is asked is a 404, and a patch of
another media type a 415.
"""

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

ANNOTATION = "controller.kubernetes.io/pod-deletion-cost"
MERGES = {"application/merge-patch+json", "application/strategic-merge-patch+json"}


class ApiServer:
    """Pods of the namespace "llm", and what was asked of them."""

    def __init__(self) -> None:
        self.pods: dict[str, dict] = {}
        self.calls: list[str] = []
        self.refuses = 0
        self.url = ""

    def add(self, name: str, ip: str | None, *, cost: str | None = None, app: str = "vllm") -> None:
        annotations = {} if cost is None else {ANNOTATION: cost}
        metadata = {"name": name, "labels": {"app": app}, "annotations": annotations}
        self.pods[name] = {"metadata": metadata, "status": {} if ip is None else {"podIP": ip}}

    def delete(self, name: str) -> None:
        """It goes, and is still there until its last request ended."""
        self.pods[name]["metadata"]["deletionTimestamp"] = "2026-11-28T10:00:00Z"

    @property
    def costs(self) -> dict[str, str]:
        found = {name: pod["metadata"]["annotations"] for name, pod in self.pods.items()}
        return {name: told[ANNOTATION] for name, told in found.items() if ANNOTATION in told}

    def list(self, query: dict[str, list[str]]) -> tuple[int, dict]:
        key, _, value = query["labelSelector"][0].partition("=")
        chosen = [pod for pod in self.pods.values() if pod["metadata"]["labels"].get(key) == value]
        return 200, {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": chosen}

    def patch(self, name: str, media_type: str, body: dict) -> tuple[int, dict]:
        if media_type not in MERGES:
            return 415, {}
        if name not in self.pods:
            return 404, {}
        annotations = self.pods[name]["metadata"]["annotations"]
        for key, value in body["metadata"]["annotations"].items():
            annotations[key] = value
            if value is None:
                del annotations[key]
        return 200, {"kind": "Pod", "apiVersion": "v1", **self.pods[name]}


@contextlib.contextmanager
def serving() -> Iterator[ApiServer]:
    """A server that is asked at its `url`."""
    api = ApiServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            known = parts.path == "/api/v1/namespaces/llm/pods"
            self._answer(*(api.list(parse_qs(parts.query)) if known else (404, {})))

        def do_PATCH(self) -> None:
            folder, _, name = urlsplit(self.path).path.rpartition("/")
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            known = folder == "/api/v1/namespaces/llm/pods"
            media_type = self.headers["Content-Type"]
            self._answer(*(api.patch(name, media_type, body) if known else (404, {})))

        def _answer(self, status: int, content: dict) -> None:
            api.calls.append(f"{self.command} {self.path}")
            status, content = (api.refuses, {}) if api.refuses else (status, content)
            written = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(written)))
            self.end_headers()
            self.wfile.write(written)

        def log_message(self, *_) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        api.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield api
        server.shutdown()
