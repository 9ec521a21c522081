"""Where the service listens, and whether somebody else does already."""

import errno
import os
import socket
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from predictor_service.errors import ConfigError, PortTakenError

UNIX_PREFIX = "unix:"


def is_unix(host: str) -> bool:
    """True for a Unix domain socket, "unix:/path"."""
    return host.startswith(UNIX_PREFIX)


def target(host: str, port: int) -> str:
    """The address in gRPC's own spelling."""
    if is_unix(host):
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def check_free(host: str, port: int) -> int:
    """Check that nobody listens yet, since gRPC is content if one of several addresses is free.

    Returns:
        The port; a free one if it was 0.

    Raises:
        PortTakenError: Somebody does.
        ConfigError: The host is none of this machine's.
    """
    if is_unix(host):
        _check_unix_free(Path(host.removeprefix(UNIX_PREFIX)))
        return 0
    for family, address in _addresses(host, port):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            bound = _bind(probe, host, (address[0], port, *address[2:]))
        port = port or bound
    return port


@contextmanager
def held_port(host: str, port: int) -> Generator[int]:
    """Hold a port, checked to be free, for processes that share it by SO_REUSEPORT.

    The socket never listens, so it takes no connections away; it keeps the port this service's own
    while all of the processes are down.

    Raises:
        PortTakenError: Somebody listens already.
        ConfigError: The host is none of this machine's.
    """
    port = check_free(host, port)
    family, address = next(iter(_addresses(host, port)))
    with _shared_socket(family) as holder, _shared_socket(family) as lenient:
        # Without SO_REUSEADDR the port counts as taken for others even while no worker listens;
        # connections that an earlier service has just closed can stand in the way of that.
        try:
            holder.bind(address)
        except OSError:
            _bind(lenient, host, address)
        yield port


def _shared_socket(family: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return sock


def _addresses(host: str, port: int) -> Iterator[tuple[int, tuple[object, ...]]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ConfigError(
            f"LENGTHWISE_HOST / --host is {host!r}: expected an address of this machine, "
            f"0.0.0.0 for all of them, or unix:/path; {error.strerror}"
        ) from error
    for family, _, _, _, address in found:
        yield family, address


def _bind(sock: socket.socket, host: str, address: tuple[object, ...]) -> int:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise port_taken(host, address[1]) from error
        raise ConfigError(
            f"cannot listen on {host} port {address[1]}: {error.strerror}; expected an address "
            "of this machine and a port that this user may use"
        ) from error
    return int(sock.getsockname()[1])


def port_taken(host: str, port: object) -> PortTakenError:
    """The error that says so."""
    return PortTakenError(
        f"port {port} on {host} is taken by another process: stop it, choose another with --port, "
        "or --port 0 for any free one"
    )


def _check_unix_free(path: Path) -> None:
    """Refuse a socket that somebody listens on; gRPC would take it away from them."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if not os.access(path.parent, os.W_OK):
            raise ConfigError(
                f"cannot make the socket {path}: expected a writable folder"
            ) from None
        return
    if not stat.S_ISSOCK(mode):
        raise ConfigError(f"{path} is a file: expected a path for a new socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        if probe.connect_ex(str(path)) == 0:
            raise PortTakenError(f"{path} is taken by another process: stop it or choose another")
