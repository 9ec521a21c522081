"""A proxy in the environment: not used unless asked for, and named where nothing answers."""

import socket
import threading

import pytest

from scheduler_client import (
    AsyncLengthPredictorClient,
    LengthPredictorClient,
    ServerUnavailableError,
)
from scheduler_client.cli.commands import main
from tests.scheduler_client.fake_service import serving

VARIABLES = ("http_proxy", "https_proxy", "grpc_proxy")


@pytest.fixture(autouse=True)
def no_other_proxy(monkeypatch):
    for name in (*VARIABLES, "no_proxy", "no_grpc_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def proxy():
    """A proxy that notes what it is asked for, and answers nothing."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    asked.append(connection.recv(4_096))

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}", asked
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("variable", VARIABLES)
def test_a_proxy_in_the_environment_does_not_take_the_client_away(
    variable, proxy, running, monkeypatch
):
    address, asked = proxy
    monkeypatch.setenv(variable, f"http://{address}")
    with LengthPredictorClient(running.target) as client:
        client.predict("hello")
    assert not asked


async def test_nor_the_client_for_asyncio(proxy, running, monkeypatch):
    address, asked = proxy
    monkeypatch.setenv("http_proxy", f"http://{address}")
    async with AsyncLengthPredictorClient(running.target) as client:
        await client.predict("hello")
    assert not asked


def test_a_proxy_that_is_asked_for_is_used_and_named_without_its_password(
    proxy, running, monkeypatch
):
    address, asked = proxy
    monkeypatch.setenv("http_proxy", f"http://user:secret@{address}")
    with (
        LengthPredictorClient(running.target, use_proxy=True, max_attempts=1) as client,
        pytest.raises(ServerUnavailableError) as caught,
    ):
        client.predict("hello")
    assert asked[0].startswith(f"CONNECT {running.target}".encode())
    assert f"through the proxy {address} of http_proxy" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_where_nothing_answers_the_proxy_that_was_not_used_is_named(dead_target, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with (
        LengthPredictorClient(dead_target) as client,
        pytest.raises(ServerUnavailableError, match=r"proxy in http_proxy was not used: use_proxy"),
    ):
        client.predict("hello")


@pytest.mark.parametrize(
    ("arguments", "variable"), [(["--use-proxy"], ""), ([], "true")], ids=["flag", "variable"]
)
def test_a_command_asks_for_the_proxy_by_a_flag_or_a_variable(
    arguments, variable, proxy, monkeypatch, capsys
):
    address, asked = proxy
    monkeypatch.setenv("http_proxy", f"http://{address}")
    monkeypatch.setenv("LENGTHWISE_USE_PROXY", variable)
    with serving() as running:
        code = main(["health", "--target", running.target, *arguments])
    assert (code != 0, bool(asked)) == (True, True)
    assert f"through the proxy {address}" in capsys.readouterr().err
