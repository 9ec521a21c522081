"""Addresses as users write them, to targets as gRPC takes them."""

import re
import socket
from typing import NamedTuple

from scheduler_client.errors import InvalidRequestError, ServerUnavailableError

DEFAULT_TARGET = "127.0.0.1:50051"
"""Where a service listens that was started with no address."""

# A name resolver that gRPC knows; "localhost:50051" also has a colon, but digits follow it.
_SCHEME = re.compile(r"^(dns|unix|unix-abstract|vsock|ipv4|ipv6|xds):(?!\d+$)", re.IGNORECASE)
_ADDRESS = re.compile(r"^(?P<host>\[[^\[\]]+\]|[^\s:/\[\]]+):(?P<port>\d{1,5})$")
"""A name or an IPv4 address, or an IPv6 address in brackets; the port's range is checked after."""


class Address(NamedTuple):
    """One host (name or IP, without brackets) and port."""

    host: str
    port: int


class ResolvedTarget(NamedTuple):
    """What gRPC dials.

    Args:
        uri: The address in gRPC's name syntax, such as "ipv4:10.0.0.1:50051,10.0.0.2:50051".
        authority: The :authority header and the name that TLS checks; "" leaves it to gRPC, which
            for several addresses would take the whole list.
    """

    uri: str
    authority: str = ""


def resolve_target(target: str) -> ResolvedTarget:
    """Translate "host:port" or "host:port,host:port,..." into what gRPC resolves.

    One address goes to gRPC as it is: a name with several A records is spread over all of them and
    looked up again when connections break. Several addresses are looked up here, once, because gRPC
    has no target for several names; those that cannot be found, as of a pod that is gone, are left
    out. A target with a scheme ("dns:///predictor:50051", "unix:/run/predictor.sock") goes through
    unchanged.

    Raises:
        InvalidRequestError: If an address is not host:port.
        ServerUnavailableError: If of several hosts none can be found.
    """
    if _SCHEME.match(target):
        return ResolvedTarget(target)
    parts = [part.strip() for part in target.split(",")]
    addresses = [_parse_address(part, target) for part in parts]
    if len(addresses) == 1:
        return ResolvedTarget(parts[0])
    ips = _found(addresses)
    if any(":" in ip for ip, _ in ips):
        # gRPC takes one family per target; IPv4 is written into IPv6 (RFC 4291, 2.5.5.2).
        uri = "ipv6:" + ",".join(f"[{_mapped(ip)}]:{port}" for ip, port in ips)
    else:
        uri = "ipv4:" + ",".join(f"{ip}:{port}" for ip, port in ips)
    return ResolvedTarget(uri, authority=parts[0])


def _parse_address(text: str, target: str) -> Address:
    """Split host:port; `target` is the whole of what the user gave, for the message."""
    match = _ADDRESS.match(text)
    port = int(match["port"]) if match else 0
    if match is None or not 1 <= port <= 65535:
        raise InvalidRequestError(
            f"target is {target!r}, of which {text!r} is not an address: expected host:port, for "
            f"instance {DEFAULT_TARGET}; several addresses are separated by commas"
        )
    return Address(match["host"].strip("[]"), port)


def _found(addresses: list[Address]) -> list[Address]:
    """Those of several that can be looked up, in their order; it raises where none can."""
    found: list[Address] = []
    trouble: ServerUnavailableError | None = None
    for address in addresses:
        try:
            found.append(_ip_and_port(address))
        except ServerUnavailableError as error:
            trouble = trouble or error
    if trouble is not None and not found:
        raise trouble
    return found


def _ip_and_port(address: Address) -> Address:
    """Look the host up; an IPv4 address is preferred, as most services listen there."""
    try:
        found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ServerUnavailableError(
            f"the host {address.host!r} cannot be found ({error.strerror}): is the name right?"
        ) from error
    ips = sorted((str(entry[4][0]) for entry in found), key=lambda ip: ":" in ip)
    return Address(ips[0], address.port)


def _mapped(ip: str) -> str:
    return ip if ":" in ip else f"::ffff:{ip}"
