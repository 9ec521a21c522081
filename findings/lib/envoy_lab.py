"""Envoy between a client and a backend, with an external processor that sets x-priority to 42."""

import json
import socket
import subprocess
import threading
import time
from concurrent import futures
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import envoy
import grpc

BINARY = Path(envoy.__file__).parent / "_bin" / "envoy"
SERVICE = "envoy.service.ext_proc.v3.ExternalProcessor"
TYPES = "type.googleapis.com/envoy.extensions"
REQUEST_HEADERS, REQUEST_BODY = 2, 4  # fields of ProcessingRequest


def field(number, content):
    """A length-delimited field of a protobuf message, of up to 127 bytes."""
    return bytes([number * 8 + 2, len(content)]) + content


def set_header(value_field):
    """CommonResponse.header_mutation.set_headers.header, by field numbers."""
    value = field(1, field(1, b"x-priority") + field(value_field, b"42"))
    return field(1, field(2, field(1, value)))


class Backend(BaseHTTPRequestHandler):
    """Notes the headers that reach it."""

    protocol_version = "HTTP/1.1"
    reached = None

    def log_message(self, *_):
        pass

    def do_POST(self):
        if "chunked" in self.headers.get("transfer-encoding", ""):
            while size := int(self.rfile.readline(), 16):
                self.rfile.read(size + 2)
            self.rfile.readline()
        else:
            self.rfile.read(int(self.headers["content-length"]))
        Backend.reached = dict(self.headers)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()


def cluster(name, port, options=None):
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    assignment = {"cluster_name": name, "endpoints": endpoints}
    return {"name": name, "type": "STATIC", "load_assignment": assignment, **(options or {})}


def config(port, backend, processor, ext_proc):
    http2 = {
        "@type": f"{TYPES}.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
    options = {
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2
        }
    }
    filters = [
        {
            "name": "processor",
            "typed_config": {
                "@type": f"{TYPES}.filters.http.ext_proc.v3.ExternalProcessor",
                "grpc_service": {"envoy_grpc": {"cluster_name": "processor"}},
                "message_timeout": "5s",
                **ext_proc,
            },
        },
        {
            "name": "router",
            "typed_config": {"@type": f"{TYPES}.filters.http.router.v3.Router"},
        },
    ]
    routes = [{"match": {"prefix": "/"}, "route": {"cluster": "backend"}}]
    manager = {
        "@type": f"{TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "lab",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
        "http_filters": filters,
    }
    listener = {
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    clusters = [cluster("backend", backend), cluster("processor", processor, options)]
    return {"static_resources": {"listeners": [listener], "clusters": clusters}}


@contextmanager
def served(process):
    """A processor: `process` gives the answer to each serialised ProcessingRequest, or None."""

    def stream(requests, _context):
        for request in requests:
            if (answer := process(request)) is not None:
                yield answer

    server = grpc.server(futures.ThreadPoolExecutor(4))
    method = grpc.stream_stream_rpc_method_handler(stream)
    handler = grpc.method_handlers_generic_handler(SERVICE, {"Process": method})
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(0).wait()


def sent(process, ext_proc):
    """Send one request through; the status and the headers that reached the backend."""
    backend = ThreadingHTTPServer(("127.0.0.1", 0), Backend)
    threading.Thread(target=backend.serve_forever, daemon=True).start()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with served(process) as processor:
        written = config(port, backend.server_port, processor, ext_proc)
        Path("config.json").write_text(json.dumps(written))
        command = [BINARY, "-c", "config.json", "--log-level", "error", "--disable-hot-restart"]
        running = subprocess.Popen(command)
        try:
            for _ in range(300):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            connection = HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("POST", "/", b"0123456789")
            status = connection.getresponse().status
        finally:
            running.terminate()
            running.wait()
            backend.shutdown()
    return status, {name.lower(): value for name, value in (Backend.reached or {}).items()}
