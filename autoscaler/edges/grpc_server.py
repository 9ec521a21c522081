"""A gRPC server of its own address, with or without mutual TLS."""

from collections.abc import Callable
from pathlib import Path

import grpc

from autoscaler.errors import InvalidConfigError

GRACE_S = 2.0
"""For calls in progress at the end: all are answered from memory."""


class GrpcServer:
    """Binds an address and serves there, on the loop that runs.

    Args:
        add: Adds the servicer to the server.
        name: Of the key in the configuration that says where, for messages.
        listen: HOST:PORT; port 0 for any that is free.
        credentials: For mutual TLS; None for a plain socket.
    """

    def __init__(
        self,
        add: Callable[[grpc.aio.Server], None],
        name: str,
        listen: str,
        credentials: grpc.ServerCredentials | None = None,
    ) -> None:
        self._add = add
        self._name = name
        self._listen = listen
        self._credentials = credentials
        self._server: grpc.aio.Server | None = None
        self.port = 0

    async def start(self) -> None:
        """Bind and serve.

        Raises:
            InvalidConfigError: If the address cannot be bound.
        """
        # Made here, since it belongs to the loop that runs. Without the option two servers would
        # share a port unnoticed.
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        self._add(self._server)
        try:
            if self._credentials is None:
                self.port = self._server.add_insecure_port(self._listen)
            else:
                self.port = self._server.add_secure_port(self._listen, self._credentials)
        except RuntimeError as error:
            raise InvalidConfigError(
                f"{self._name} is {self._listen}: it cannot be bound ({error})"
            ) from error
        await self._server.start()

    async def stop(self) -> None:
        """Let calls in progress end."""
        if self._server is not None:
            await self._server.stop(GRACE_S)


def mutual_tls(name: str, certificate: Path, key: Path, client_ca: Path) -> grpc.ServerCredentials:
    """Credentials that let in only clients with a certificate of this authority: KEDA's one way.

    Args:
        name: Of the key in the configuration that names the files, for messages.
        certificate: The server's own chain, PEM.
        key: The server's private key, PEM.
        client_ca: Of the authority that signs the clients' certificates, PEM.

    Raises:
        InvalidConfigError: If a file cannot be read.
    """
    try:
        pair = (key.read_bytes(), certificate.read_bytes())
        return grpc.ssl_server_credentials([pair], client_ca.read_bytes(), require_client_auth=True)
    except OSError as error:
        raise InvalidConfigError(f"{name}: {error}") from error
