"""The service's certificate, which may be renewed while it serves."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from predictor_service.callers.watched_files import WatchedFiles
from predictor_service.config import ServiceConfig
from predictor_service.errors import ConfigError


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where the certificate is, and the authorities of callers' certificates."""

    cert: Path
    key: Path
    client_ca: Path | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """All of them."""
        return tuple(path for path in (self.cert, self.key, self.client_ca) if path is not None)

    def read(self) -> Any:
        """The files as gRPC takes them, once it is sure that they can be used.

        gRPC itself would take a key that does not fit, and fail at each connection.

        Raises:
            ValueError: They are no certificate, key or authorities, or do not belong together.
            OSError: One cannot be read.
        """
        _check_pair(self.cert, self.key)
        authorities = None
        if self.client_ca is not None:
            _check_authorities(self.client_ca)
            authorities = self.client_ca.read_bytes()
        pair = (self.key.read_bytes(), self.cert.read_bytes())
        return grpc.ssl_server_certificate_configuration([pair], root_certificates=authorities)


def server_credentials(config: ServiceConfig) -> grpc.ServerCredentials | None:
    """What the server shows and demands; None to speak plain text.

    Raises:
        ConfigError: The files cannot be used.
    """
    if config.tls_cert_file is None or config.tls_key_file is None:
        return None
    files = TlsFiles(config.tls_cert_file, config.tls_key_file, config.tls_client_ca_file)
    try:
        watched = WatchedFiles("TLS files", files.paths, files.read)
    except (OSError, ValueError) as error:
        raise ConfigError(f"TLS files: {error}") from error
    return grpc.dynamic_ssl_server_credentials(
        watched.current(), watched.current, files.client_ca is not None
    )


def _check_pair(cert: Path, key: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(cert, key, password=lambda: "")
    except ssl.SSLError as error:
        raise ValueError(
            f"{cert} and {key} are not a PEM certificate and its unencrypted private key: "
            f"{error.reason or error}"
        ) from error


def _check_authorities(path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        raise ValueError(f"{path} holds no PEM certificate: {error.reason or error}") from error
