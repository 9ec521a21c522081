"""Who a caller is, and who may administer."""

import pytest

from predictor_service.callers.authority import Authority
from predictor_service.callers.exposure import exposures
from predictor_service.callers.tokens import MethodClass
from predictor_service.config import read_config
from predictor_service.errors import ForbiddenError, UnknownCallerError

TOKEN = "administrator-" * 2


class Context:
    """A call as gRPC tells of it."""

    def __init__(self, peer="ipv4:10.0.0.7:5123", token=None, certificate=None):
        self._peer = peer
        self._token = token
        self._certificate = certificate

    def invocation_metadata(self):
        return (("authorization", f"bearer {self._token}"),) if self._token else None

    def peer(self):
        return self._peer

    def auth_context(self):
        return {"x509_common_name": [self._certificate]} if self._certificate else {}


@pytest.mark.parametrize(
    ("peer", "caller"),
    [
        ("ipv4:10.0.0.7:5123", "address 10.0.0.7"),
        ("ipv6:%5B::1%5D:5123", "address [::1]"),
        ("unix:/run/lengthwise.sock", "address unix"),
    ],
)
def test_without_tokens_a_caller_is_known_by_the_address(peer, caller):
    assert Authority({}).caller_of(MethodClass.PREDICT, Context(peer)) == caller


def test_with_certificates_a_caller_is_known_by_the_certificate():
    authority = Authority({}, has_certificates=True)
    found = authority.caller_of(MethodClass.PREDICT, Context(certificate=b"engine"))
    assert found == "certificate engine"


def test_without_an_admin_token_only_those_on_a_unix_socket_may_administer():
    authority = Authority({})
    authority.caller_of(MethodClass.ADMIN, Context("unix:"))
    with pytest.raises(ForbiddenError, match="start it with --admin-token-file, or call it over a"):
        authority.caller_of(MethodClass.ADMIN, Context(token=TOKEN))


def test_with_an_admin_token_everybody_needs_it(tmp_path):
    (tmp_path / "admin").write_text(f"root {TOKEN}\n")
    config = read_config({"index": tmp_path, "admin_token_file": tmp_path / "admin"})
    authority = Authority.of_config(config)
    assert authority.caller_of(MethodClass.ADMIN, Context(token=TOKEN)) == "token root"
    with pytest.raises(UnknownCallerError, match="no token came, and one is wanted to administer"):
        authority.caller_of(MethodClass.ADMIN, Context("unix:"))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "unix:/run/s"])
def test_a_service_on_this_machine_alone_is_not_warned_of(tmp_path, host):
    assert exposures(read_config({"index": tmp_path, "host": host})) == []


def test_a_service_on_the_network_is_warned_of_what_others_may_do(tmp_path):
    found = " ".join(exposures(read_config({"index": tmp_path, "host": "0.0.0.0"})))
    for option in ("--predict-token-file", "--report-token-file", "--tls-cert-file"):
        assert option in found


def test_tokens_and_tls_leave_nothing_to_warn_of(tmp_path):
    names = ("predict_token_file", "report_token_file", "tls_cert_file", "tls_key_file")
    for name in names:
        (tmp_path / name).touch()
    options = {name: tmp_path / name for name in names}
    assert exposures(read_config({"index": tmp_path, "host": "0.0.0.0", **options})) == []
