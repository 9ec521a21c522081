"""How addresses are written for gRPC."""

import socket

import pytest

from scheduler_client.errors import ServerUnavailableError
from scheduler_client.targets import ResolvedTarget, resolve_target


@pytest.mark.parametrize(
    "target",
    [
        "127.0.0.1:50051",
        "predictor:50051",
        "[::1]:50051",
        "dns:///predictor:50051",
        "unix:/run/lengthwise.sock",
        "ipv4:127.0.0.1:1,127.0.0.1:2",
    ],
)
def test_one_address_or_a_target_with_a_scheme_goes_to_grpc_as_it_is(target):
    assert resolve_target(target) == ResolvedTarget(target)


def test_a_host_that_is_named_like_a_scheme_is_still_a_host():
    assert resolve_target("dns:53") == ResolvedTarget("dns:53")


@pytest.mark.parametrize(
    ("target", "uri"),
    [
        ("127.0.0.1:1,127.0.0.2:2", "ipv4:127.0.0.1:1,127.0.0.2:2"),
        ("[::1]:1,[::2]:2", "ipv6:[::1]:1,[::2]:2"),
        ("127.0.0.1:1,[::1]:2", "ipv6:[::ffff:127.0.0.1]:1,[::1]:2"),
    ],
)
def test_several_addresses_become_one_target_of_one_family(target, uri):
    resolved = resolve_target(target)
    assert resolved.uri == uri
    assert resolved.authority == target.split(",")[0]


@pytest.fixture
def names(monkeypatch):
    """The only names that can be looked up."""
    known = {"b": "10.0.0.2", "c": "10.0.0.3"}

    def found(host, port, **_):
        if host not in known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (known[host], port))]

    monkeypatch.setattr(socket, "getaddrinfo", found)


def test_of_several_hosts_those_that_can_be_found_are_taken(names):
    resolved = resolve_target("a:1,b:2,c:3")
    assert resolved == ResolvedTarget("ipv4:10.0.0.2:2,10.0.0.3:3", authority="a:1")


def test_where_none_of_several_hosts_can_be_found_the_first_is_named(names):
    with pytest.raises(ServerUnavailableError, match="'a' cannot be found"):
        resolve_target("a:1,z:2")
