"""Serves the metrics to Prometheus, in threads of its own."""

from wsgiref.simple_server import WSGIServer

import structlog
from prometheus_client import CollectorRegistry, start_http_server

from predictor_service.errors import StartUpError
from predictor_service.rpc.address import is_unix

log = structlog.get_logger(__name__)


class MetricsServer:
    """Answers `GET /metrics`.

    Args:
        registry: What it tells.
        host: The service's own; 127.0.0.1 where that is a Unix domain socket.
        port: 0 picks a free one.

    Raises:
        StartUpError: The port is taken.
    """

    def __init__(self, registry: CollectorRegistry, *, host: str, port: int) -> None:
        address = "127.0.0.1" if is_unix(host) else host
        try:
            self._server: WSGIServer = start_http_server(port, address, registry)[0]
        except OSError as error:
            raise StartUpError(
                f"--metrics-port {port} on {address} cannot be used: {error.strerror}; choose "
                "another, or 0 for any free one"
            ) from error
        log.info("metrics are served", host=address, port=self.port)

    @property
    def port(self) -> int:
        """The TCP port."""
        return self._server.server_port

    def close(self) -> None:
        """Answer nothing more. Blocks for up to half a second."""
        self._server.shutdown()
        self._server.server_close()
