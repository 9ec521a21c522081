"""TLS: who is let in, what those who are not are told, and certificates that are renewed."""

import asyncio
import shutil
import ssl

import pytest

from predictor_service.callers import watched_files
from predictor_service.errors import ConfigError
from scheduler_client import (
    Access,
    AccessDeniedError,
    AsyncLengthPredictorClient,
    ServerUnavailableError,
)
from scheduler_client.cli.commands import main
from tests.predictor_service.certificates import DAY, Authority


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def serve_tls(serve, authority):
    async def start(*, mutual=False, **options):
        pair = authority.issue("service")
        options |= {"tls_cert_file": pair.cert, "tls_key_file": pair.key}
        if mutual:
            options["tls_client_ca_file"] = authority.cert
        return await serve(**options)

    return start


async def ask(port, access=None):
    target = f"127.0.0.1:{port}"
    async with AsyncLengthPredictorClient(target, access=access, max_attempts=1) as client:
        return await client.predict("hello", timeout_s=20)


def shown(authority, pair=None):
    if pair is None:
        return Access(tls_ca=str(authority.cert))
    return Access(str(authority.cert), str(pair.cert), str(pair.key))


async def test_a_client_that_knows_the_authority_is_served_over_tls(serve_tls, authority):
    running = await serve_tls()
    prediction = await ask(running.port, shown(authority))
    assert prediction.expected_tokens > 0


async def test_plain_text_to_a_tls_port_is_told_to_name_the_authority(serve_tls):
    running = await serve_tls()
    with pytest.raises(ServerUnavailableError, match=r"does it want TLS\? .*--tls-ca") as caught:
        await ask(running.port)
    assert "LENGTHWISE_TLS_CA_FILE" in str(caught.value)


async def test_tls_to_a_plain_port_is_told_to_leave_it_out(serve, authority):
    running = await serve()
    with pytest.raises(AccessDeniedError, match="speaks no TLS: leave out --tls-ca"):
        await ask(running.port, shown(authority))


async def test_a_service_that_the_authority_does_not_vouch_for_is_not_asked(serve_tls, tmp_path):
    running = await serve_tls()
    stranger = Authority(tmp_path, "stranger")
    with pytest.raises(AccessDeniedError, match=r"not vouched for by .*stranger.pem"):
        await ask(running.port, shown(stranger))


async def test_a_certificate_for_another_address_is_not_taken(serve, authority):
    pair = authority.issue("service", address="10.0.0.1")
    running = await serve(tls_cert_file=pair.cert, tls_key_file=pair.key)
    with pytest.raises(AccessDeniedError, match=r"one for other names than that in 127\.0\.0\.1"):
        await ask(running.port, shown(authority))


async def test_mutual_tls_serves_those_with_a_certificate(serve_tls, authority):
    running = await serve_tls(mutual=True)
    prediction = await ask(running.port, shown(authority, authority.issue("engine")))
    assert prediction.expected_tokens > 0


async def test_mutual_tls_tells_those_without_a_certificate(serve_tls, authority):
    running = await serve_tls(mutual=True)
    with pytest.raises(ServerUnavailableError, match="wants a client certificate, see --tls-cert"):
        await ask(running.port, shown(authority))


async def test_an_expired_client_certificate_is_refused_and_named_with_its_end(
    serve_tls, authority
):
    running = await serve_tls(mutual=True)
    old = authority.issue("engine", lasts=-DAY)
    with pytest.raises(AccessDeniedError, match=r"engine.crt expired on 20.*: renew it"):
        await ask(running.port, shown(authority, old))


async def test_a_client_certificate_of_another_authority_is_refused(serve_tls, authority, tmp_path):
    running = await serve_tls(mutual=True)
    pair = Authority(tmp_path, "stranger").issue("spy")
    with pytest.raises(ServerUnavailableError, match=r"spy.crt signed by an authority in"):
        await ask(running.port, shown(authority, pair))


def served_certificate(port):
    return ssl.get_server_certificate(("127.0.0.1", port))


async def test_a_renewed_certificate_is_served_without_a_restart(serve_tls, authority, monkeypatch):
    monkeypatch.setattr(watched_files, "LOOK_PERIOD_S", 0.0)
    running = await serve_tls()
    before = await asyncio.to_thread(served_certificate, running.port)
    authority.issue("service", lasts=2 * DAY)
    after = await asyncio.to_thread(served_certificate, running.port)
    assert after != before
    assert (await ask(running.port, shown(authority))).expected_tokens > 0


async def test_a_broken_new_certificate_is_refused_and_the_old_serves_on(
    serve_tls, authority, tmp_path, monkeypatch
):
    monkeypatch.setattr(watched_files, "LOOK_PERIOD_S", 0.0)
    running = await serve_tls()
    before = await asyncio.to_thread(served_certificate, running.port)
    (tmp_path / "service.crt").write_text("broken")
    assert await asyncio.to_thread(served_certificate, running.port) == before
    other = authority.issue("other")
    shutil.copy(other.cert, tmp_path / "service.crt")  # the key still is the old one
    assert await asyncio.to_thread(served_certificate, running.port) == before
    shutil.copy(other.key, tmp_path / "service.key")
    assert await asyncio.to_thread(served_certificate, running.port) != before


async def test_a_key_that_does_not_fit_stops_the_start(serve, authority):
    pair, other = authority.issue("service"), authority.issue("other")
    with pytest.raises(ConfigError, match="not a PEM certificate and its unencrypted private key"):
        await serve(tls_cert_file=pair.cert, tls_key_file=other.key)


async def test_authorities_that_are_none_stop_the_start(serve, authority, tmp_path):
    pair = authority.issue("service")
    (tmp_path / "empty.pem").write_text("nothing")
    with pytest.raises(ConfigError, match=r"empty.pem holds no PEM certificate"):
        await serve(
            tls_cert_file=pair.cert,
            tls_key_file=pair.key,
            tls_client_ca_file=tmp_path / "empty.pem",
        )


async def test_the_command_line_takes_the_same_files(serve_tls, authority, capsys):
    running = await serve_tls(mutual=True)
    good, old = authority.issue("engine"), authority.issue("old", lasts=-DAY)
    target = ["--target", f"127.0.0.1:{running.port}", "--timeout-s", "20"]
    command = ["predict", "hello", *target, "--tls-ca", str(authority.cert)]
    for pair, code in ((good, 0), (old, 1)):
        files = ["--tls-cert", str(pair.cert), "--tls-key", str(pair.key)]
        assert await asyncio.to_thread(main, [*command, *files]) == code
    assert "expired on" in capsys.readouterr().err
