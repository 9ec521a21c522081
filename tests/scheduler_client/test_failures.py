"""What a caller sees when the service is away, slow, full, cut off, or not Lengthwise at all."""

import shutil
import signal
import subprocess
import sys
import threading
from concurrent import futures
from pathlib import Path

import grpc
import pytest

from scheduler_client import (
    AccessDeniedError,
    CompletedRequest,
    IncompatibleServerError,
    InvalidRequestError,
    LengthPredictorClient,
    LengthPredictorError,
    PredictionTimeoutError,
    ServerFailedError,
    ServerOverloadedError,
    ServerUnavailableError,
)
from tests.scheduler_client.fake_service import FakeService, serving

ROOT = Path(__file__).resolve().parents[2]
UNAVAILABLE = (grpc.StatusCode.UNAVAILABLE, "the service is starting")


def test_an_unreachable_server_is_named_with_the_reason_and_how_to_start_one(dead_target):
    port = dead_target.rsplit(":", 1)[1]
    with (
        LengthPredictorClient(dead_target) as client,
        pytest.raises(ServerUnavailableError) as info,
    ):
        client.predict("hi")
    assert str(info.value) == (
        f"no Lengthwise service answers at {dead_target} (connection refused): is it running? "
        f"Start it with: python -m predictor_service --index DIR --port {port}"
    )


@pytest.mark.parametrize("call", ["info", "health"])
def test_every_call_says_that_the_server_is_unreachable(dead_target, call):
    with LengthPredictorClient(dead_target) as client, pytest.raises(ServerUnavailableError):
        getattr(client, call)()


def test_a_stream_to_an_unreachable_server_fails_too(dead_target):
    with (
        LengthPredictorClient(dead_target) as client,
        pytest.raises(ServerUnavailableError, match="connection refused"),
    ):
        list(client.predict_stream(["hi"]))


def test_all_errors_of_calls_are_one_family_and_the_pythonic_kinds_too(dead_target):
    with LengthPredictorClient(dead_target) as client:
        with pytest.raises(LengthPredictorError):
            client.predict("hi")
        with pytest.raises(ConnectionError):
            client.predict("hi")


def test_a_deadline_ends_the_call_on_both_sides(running, service):
    service.gate.clear()
    with LengthPredictorClient(running.target) as client:
        with pytest.raises(PredictionTimeoutError, match=r"within 0\.2 s"):
            client.predict("hi", timeout_s=0.2)
        assert service.cancelled.wait(20)


def test_the_clients_own_deadline_holds_where_the_call_has_none(running, service):
    service.gate.clear()
    with LengthPredictorClient(running.target, timeout_s=0.2, stream_timeout_s=0.3) as client:
        for call in (
            lambda: client.predict_many(["hi"]),
            lambda: list(client.predict_stream(["hi"])),
            client.info,
        ):
            with pytest.raises(PredictionTimeoutError):
                call()


def test_a_full_queue_is_told_apart_and_not_asked_again(running, service):
    service.failures.append((grpc.StatusCode.RESOURCE_EXHAUSTED, "the queue holds 1,024 prompts"))
    with (
        LengthPredictorClient(running.target) as client,
        pytest.raises(ServerOverloadedError, match="the queue holds 1,024 prompts"),
    ):
        client.predict("hi")
    assert len(service.received) == 1


def test_a_service_that_is_starting_is_asked_again(running, service):
    service.failures.extend([UNAVAILABLE, UNAVAILABLE])
    with LengthPredictorClient(running.target, timeout_s=20) as client:
        assert client.predict("hi").expected_tokens == 2
    assert len(service.received) == 3


def test_a_message_as_large_as_may_be_is_asked_again_too(running, service):
    service.failures.append(UNAVAILABLE)
    with LengthPredictorClient(running.target, timeout_s=20) as client:
        (answer,) = client.predict_many(["x" * (4 * 1024 * 1024 - 100)])
    assert answer.expected_tokens == 4 * 1024 * 1024 - 100
    assert len(service.received) == 2


def test_a_stream_is_asked_again_while_nothing_was_answered(running, service):
    service.failures.append(UNAVAILABLE)
    with LengthPredictorClient(running.target) as client:
        assert [o.expected_tokens for o in client.predict_stream(["a", "bb"])] == [1, 2]


def test_a_report_that_is_sent_again_is_stored_once(running, service):
    service.failures.append(UNAVAILABLE)
    with LengthPredictorClient(running.target, timeout_s=20) as client:
        assert client.report([CompletedRequest("a", 1, "p")]).stored == 1
    assert len(service.stored) == 1


def test_attempts_are_limited_and_the_last_reason_is_given(running, service):
    service.failures.extend([UNAVAILABLE] * 9)
    with (
        LengthPredictorClient(running.target, max_attempts=2, timeout_s=20) as client,
        pytest.raises(ServerUnavailableError, match=r"cannot answer now.*is starting"),
    ):
        client.predict("hi")
    assert len(service.received) == 2


def test_one_attempt_means_no_retry(running, service):
    service.failures.append(UNAVAILABLE)
    with (
        LengthPredictorClient(running.target, max_attempts=1) as client,
        pytest.raises(ServerUnavailableError),
    ):
        client.predict("hi")
    assert len(service.received) == 1


def test_the_callers_own_channel_options_win_over_the_clients(running, service):
    service.failures.append(UNAVAILABLE)
    never = [("grpc.service_config", "{}")]
    with (
        LengthPredictorClient(running.target, max_attempts=4, channel_options=never) as client,
        pytest.raises(ServerUnavailableError),
    ):
        client.predict("hi")
    assert len(service.received) == 1


def test_a_server_killed_in_the_middle_of_a_call_is_unavailable_at_once():
    command = [sys.executable, "-m", "tests.scheduler_client.fake_service"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    ) as server:
        try:
            target = f"127.0.0.1:{int(server.stdout.readline())}"
            raised = []

            def ask():
                with LengthPredictorClient(target, timeout_s=60, max_attempts=1) as client:
                    try:
                        client.predict("hi")
                    except ServerUnavailableError as error:
                        raised.append(error)

            asking = threading.Thread(target=ask)
            asking.start()
            assert server.stdout.readline() == "entered\n"
            server.send_signal(signal.SIGKILL)
            asking.join(30)
        finally:
            server.kill()
    assert len(raised) == 1


def test_a_restarted_server_is_found_again_by_the_same_client():
    with serving(FakeService("old")) as old:
        client = LengthPredictorClient(old.target, wait_for_ready=True, timeout_s=30)
        assert client.predict("hi").index_version == "old"
        address = old.target
    with serving(FakeService("new"), address=address), client:
        assert client.predict("hi").index_version == "new"


def test_wait_for_ready_waits_no_longer_than_the_deadline(dead_target):
    with (
        LengthPredictorClient(dead_target, wait_for_ready=True, timeout_s=0.3) as client,
        pytest.raises(PredictionTimeoutError),
    ):
        client.predict("hi")


def test_a_message_over_the_servers_own_limit_is_refused_with_both_sizes(running):
    with (
        LengthPredictorClient(running.target, max_send_bytes=20_000_000) as client,
        pytest.raises(InvalidRequestError, match=r"has 10,000,\d+ bytes: .* at most 4,194,304"),
    ):
        client.predict("x" * 10_000_000)


def test_a_grpc_server_that_is_not_lengthwise_is_recognised():
    server = grpc.server(futures.ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with LengthPredictorClient(f"127.0.0.1:{port}") as client:
            for call in (lambda: client.predict("hi"), client.health):
                with pytest.raises(IncompatibleServerError, match="is it a Lengthwise service"):
                    call()
    finally:
        server.stop(0).wait()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.INTERNAL, ServerFailedError),
        (grpc.StatusCode.UNKNOWN, ServerFailedError),
        (grpc.StatusCode.UNAUTHENTICATED, AccessDeniedError),
        (grpc.StatusCode.PERMISSION_DENIED, AccessDeniedError),
        (grpc.StatusCode.INVALID_ARGUMENT, InvalidRequestError),
        (grpc.StatusCode.CANCELLED, ServerUnavailableError),
        (grpc.StatusCode.DEADLINE_EXCEEDED, PredictionTimeoutError),
    ],
)
def test_each_status_becomes_its_error(running, service, code, kind):
    service.failures.append((code, "why"))
    with (
        LengthPredictorClient(running.target, max_attempts=1) as client,
        pytest.raises(kind) as info,
    ):
        client.predict("hi")
    assert isinstance(info.value.__cause__, grpc.RpcError)


def test_a_call_that_a_stopping_server_cancelled_is_tried_again(running, service):
    service.failures.append((grpc.StatusCode.CANCELLED, "the server shuts down"))
    with LengthPredictorClient(running.target) as client:
        assert client.predict("hi").expected_tokens > 0
    assert not service.failures


def _versions(client: LengthPredictorClient, wanted: set[str]) -> set[str]:
    """The servers that answered, asked until all wanted ones did."""
    seen: set[str] = set()
    for _ in range(2000):
        seen.add(client.predict("hi").index_version)
        if seen >= wanted:
            break
    return seen


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_calls_go_round_robin_over_several_addresses(host):
    with serving(FakeService("a")) as a, serving(FakeService("b")) as b:
        target = f"{host}:{a.port}, {host}:{b.port}"
        with LengthPredictorClient(target, timeout_s=20) as client:
            assert _versions(client, {"a", "b"}) == {"a", "b"}
            # Both are connected now, so they take turns exactly.
            answers = [client.predict("hi").index_version for _ in range(10)]
            assert answers.count("a") == answers.count("b") == 5


def test_ipv4_and_ipv6_addresses_may_be_mixed():
    try:
        six = serving(FakeService("six"), address="[::1]:0")
        b = six.__enter__()
    except RuntimeError:
        pytest.skip("this machine has no IPv6")
    try:
        with (
            serving(FakeService("four")) as a,
            LengthPredictorClient(f"127.0.0.1:{a.port},[::1]:{b.port}") as client,
        ):
            assert _versions(client, {"four", "six"}) == {"four", "six"}
    finally:
        six.__exit__(None, None, None)


def test_one_dead_address_of_two_costs_no_call(dead_target):
    with (
        serving() as alive,
        LengthPredictorClient(f"{dead_target},{alive.target}", timeout_s=20) as client,
    ):
        assert [client.predict("hi").expected_tokens for _ in range(20)] == [2.0] * 20


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A key and a certificate for localhost, as PEM bytes."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
            ),
            *("-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", folder / "key.pem", "-out", folder / "cert.pem"),
        ],
        check=True,
        capture_output=True,
    )
    return (folder / "key.pem").read_bytes(), (folder / "cert.pem").read_bytes()


def test_credentials_make_the_connection_tls(certificate):
    tls = grpc.ssl_server_credentials([certificate])
    trust = grpc.ssl_channel_credentials(root_certificates=certificate[1])
    with serving(FakeService(), address="localhost:0", credentials=tls) as running:
        for target in (
            f"localhost:{running.port}",
            f"localhost:{running.port},localhost:{running.port}",
        ):
            with LengthPredictorClient(target, credentials=trust, timeout_s=20) as client:
                assert client.predict("hi").expected_tokens == 2
        with (
            LengthPredictorClient(f"localhost:{running.port}", max_attempts=1) as plain,
            pytest.raises(ServerUnavailableError),
        ):
            plain.predict("hi")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"timeout_s": 0}, "timeout_s is 0: expected seconds above 0 and at most 2,592,000"),
        ({"timeout_s": float("nan")}, "timeout_s is nan"),
        ({"stream_timeout_s": -1}, "stream_timeout_s is -1"),
        ({"max_attempts": 6}, "max_attempts is 6: expected 1 to 5"),
        ({"max_send_bytes": 0}, "max_send_bytes is 0: expected 1,024 to"),
        ({"max_receive_bytes": 2**31}, "max_receive_bytes is 2147483648"),
        ({"target": "localhost"}, "'localhost' is not an address: expected host:port"),
        ({"target": ""}, "'' is not an address"),
        ({"target": "a:1,b"}, "'b' is not an address"),
        ({"target": "a:70000"}, "'a:70000' is not an address"),
        ({"target": "http://a:1"}, "'http://a:1' is not an address"),
    ],
)
def test_a_bad_setting_stops_the_client_with_name_value_and_range(settings, message):
    with pytest.raises(InvalidRequestError, match=message):
        LengthPredictorClient(**settings)


def test_where_none_of_several_hosts_can_be_found_one_is_named():
    with pytest.raises(ServerUnavailableError, match=r"'no-such-host.invalid' cannot be found"):
        LengthPredictorClient("no-such-host.invalid:1,nor-this-one.invalid:1")
