"""Ports and sockets that are taken, and addresses that are none."""

import socket
from contextlib import closing

import pytest

from predictor_service.errors import ConfigError, PortTakenError
from predictor_service.rpc.address import check_free, held_port, target


def listener(**options) -> socket.socket:
    return socket.create_server(("127.0.0.1", 0), **options)


def test_a_port_that_is_taken_is_told_with_what_to_do():
    with closing(listener()) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTakenError, match=rf"port {port} on 127.0.0.1 is taken .*--port"):
            check_free("127.0.0.1", port)


def test_a_port_shared_by_others_counts_as_taken():
    with closing(listener(reuse_port=True)) as taken, pytest.raises(PortTakenError):
        check_free("127.0.0.1", taken.getsockname()[1])


def test_a_held_port_is_taken_for_everybody_but_those_who_share_it():
    with held_port("127.0.0.1", 0) as port:
        with pytest.raises(PortTakenError):
            check_free("127.0.0.1", port)
        with closing(socket.create_server(("127.0.0.1", port), reuse_port=True)):
            pass


def test_a_port_is_free_again_after_it_was_held():
    with held_port("127.0.0.1", 0) as port:
        pass
    assert check_free("127.0.0.1", port) == port


def test_an_address_of_another_machine_is_refused():
    with pytest.raises(ConfigError, match="expected an address of this machine"):
        check_free("192.0.2.1", 0)


def test_a_host_that_does_not_exist_is_refused():
    with pytest.raises(ConfigError, match=r"--host is 'no\.such\.invalid'"):
        check_free("no.such.invalid", 0)


def test_a_unix_socket_in_use_is_taken_and_a_stale_one_is_not(tmp_path):
    path = tmp_path / "s"
    with closing(socket.socket(socket.AF_UNIX)) as taken:
        taken.bind(str(path))
        taken.listen()
        with pytest.raises(PortTakenError, match="is taken"):
            check_free(f"unix:{path}", 0)
    check_free(f"unix:{path}", 0)


def test_a_plain_file_is_no_place_for_a_socket(tmp_path):
    path = tmp_path / "s"
    path.write_text("precious")
    with pytest.raises(ConfigError, match="is a file"):
        check_free(f"unix:{path}", 0)


def test_grpc_targets_put_ipv6_addresses_in_brackets():
    assert target("::1", 5) == "[::1]:5"
    assert target("127.0.0.1", 5) == "127.0.0.1:5"


async def test_a_second_service_on_a_port_is_refused(serve):
    running = await serve()
    with pytest.raises(PortTakenError):
        await serve(port=running.port)
