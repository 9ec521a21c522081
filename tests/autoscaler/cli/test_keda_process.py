"""`python -m autoscaler keda` as a process: engines' metrics in, KEDA's answers out."""

import datetime
import re
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from autoscaler.edges.externalscaler import externalscaler_pb2 as pb
from autoscaler.edges.externalscaler import externalscaler_pb2_grpc as rpc
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

    def start(keda: str = "") -> tuple[subprocess.Popen, int]:
        (tmp_path / "fleet.yaml").write_text(
            "capacity: {slots: 64, step_s: 0.02, sequence_s: 0.001}\n"
            "slo: {itl_s: 0.1}\npools: {interactive: {max: 9}, mixed: {max: 9}}\n"
            f"observe: {{engines: {{interactive: ['{metrics_url}']}}, scrape_every_s: 0.2}}\n"
            f"keda: {{listen: '127.0.0.1:0'{keda}}}\n"
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
