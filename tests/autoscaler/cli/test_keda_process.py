"""`python -m autoscaler keda` as a process: engines' metrics in, KEDA's answers out."""

import datetime
import json
import re
import signal
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import ProxyHandler, build_opener

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from autoscaler.edges.externalscaler import externalscaler_pb2 as pb
from autoscaler.edges.externalscaler import externalscaler_pb2_grpc as rpc
from autoscaler.v1 import demand_pb2 as pb_demand
from autoscaler.v1 import demand_pb2_grpc as rpc_demand
from tests.autoscaler.edges.test_observer import PAGE

REF = pb.ScaledObjectRef(name="vllm", namespace="llm", scalerMetadata={"pool": "interactive"})
DIRECT = [("grpc.enable_http_proxy", 0)]


class Metrics(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(PAGE.replace("7.0", "180.0").encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def metrics_url():
    with ThreadingHTTPServer(("127.0.0.1", 0), Metrics) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/metrics"
        server.shutdown()


@pytest.fixture
def scaler(tmp_path, metrics_url):
    started = []

    def start(keda: str = "", after: str = "") -> tuple[subprocess.Popen, int]:
        (tmp_path / "fleet.yaml").write_text(
            "capacity: {slots: 64, step_s: 0.02, sequence_s: 0.001}\n"
            "slo: {itl_s: 0.1}\npools: {interactive: {max: 9}, mixed: {max: 9}}\n"
            f"observe: {{engines: {{interactive: ['{metrics_url}']}}, scrape_every_s: 0.2}}\n"
            f"keda: {{listen: '127.0.0.1:0'{keda}}}\n{after}\n"
        )
        process = subprocess.Popen(
            [sys.executable, "-m", "autoscaler", "keda", "--config", str(tmp_path / "fleet.yaml")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        line = process.stderr.readline()
        found = re.search(r"port (\d+)", line)
        assert found, line + process.stderr.read()
        assert process.stdout.readline()  # the first decision was made
        return process, int(found[1])

    yield start
    for process in started:
        process.kill()
        process.communicate()


def certificates(folder):
    """A key and certificate that is its own authority, as files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "tls.key").write_bytes(secret)
    (folder / "tls.crt").write_bytes(certificate.public_bytes(pem))
    return secret, certificate.public_bytes(pem)


def test_keda_is_told_what_the_engines_metrics_ask_for_until_the_process_is_stopped(scaler):
    process, port = scaler()
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=DIRECT) as channel:
        stub = rpc.ExternalScalerStub(channel)
        assert stub.IsActive(REF, timeout=20).result
        request = pb.GetMetricsRequest(scaledObjectRef=REF)
        # 181 requests run and 2 wait, at 54 an instance.
        assert stub.GetMetrics(request, timeout=20).metricValues[0].metricValue == 4
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


def test_with_mutual_tls_only_a_client_with_a_certificate_is_answered(scaler, tmp_path):
    key, certificate = certificates(tmp_path)
    files = {"certificate": "tls.crt", "key": "tls.key", "client_ca": "tls.crt"}
    listed = ", ".join(f"{name}: {tmp_path / file}" for name, file in files.items())
    _, port = scaler(f", tls: {{{listed}}}")
    known = grpc.ssl_channel_credentials(certificate, key, certificate)
    with grpc.secure_channel(f"localhost:{port}", known, options=DIRECT) as channel:
        assert rpc.ExternalScalerStub(channel).IsActive(REF, timeout=20).result
    stranger = grpc.ssl_channel_credentials(certificate)
    with (
        grpc.secure_channel(f"localhost:{port}", stranger, options=DIRECT) as channel,
        pytest.raises(grpc.RpcError),
    ):
        rpc.ExternalScalerStub(channel).IsActive(REF, timeout=5)


def test_what_a_gateway_reports_is_decided_on_and_shown_among_the_metrics(scaler):
    with socket.socket() as one, socket.socket() as two:
        for free in (one, two):
            free.bind(("127.0.0.1", 0))
        demand, metrics = (free.getsockname() for free in (one, two))
    listen = "\n".join(
        f"{name}: {{listen: '127.0.0.1:{address[1]}'}}"
        for name, address in (("demand", demand), ("metrics", metrics))
    )
    process, _ = scaler(after=listen)
    arrivals = [pb_demand.Arrival(request_id=str(n), expected_tokens=900.0) for n in range(500)]
    with grpc.insecure_channel(f"127.0.0.1:{demand[1]}", options=DIRECT) as channel:
        request = pb_demand.ReportRequest(reporter="gateway", arrivals=arrivals)
        response = rpc_demand.DemandStub(channel).Report(request, timeout=20)
    assert (response.open_requests, response.fault_count) == (500, 0)
    # 500 open requests are more than the 183 that the metrics tell of.
    told = next(line for line in process.stdout if "500 requests run or wait" in line)
    assert json.loads(told)["knowledge"] == "predictions"
    page = build_opener(ProxyHandler({})).open(f"http://127.0.0.1:{metrics[1]}/metrics", timeout=20)
    shown = page.read().decode()
    assert "lengthwise_autoscaler_open_requests 500.0" in shown
    assert "lengthwise_autoscaler_reports_total 1.0" in shown


def test_pods_cannot_be_marked_outside_of_a_cluster_and_that_is_said_at_the_start(scaler, tmp_path):
    with pytest.raises(AssertionError, match="this is no pod with a service account"):
        scaler(after="kubernetes: {namespace: llm, pods: {interactive: app=vllm}}")
