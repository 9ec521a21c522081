"""Certificates made for one test."""

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


@dataclass(frozen=True)
class Pair:
    """Files of a certificate and its key."""

    cert: Path
    key: Path


class Authority:
    """Signs certificates and writes them to a folder."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._name = _name(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.cert = folder / f"{name}.pem"
        builder = self._builder(self._name, self._key, DAY)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        self.cert.write_bytes(self._signed(builder))

    def issue(
        self, name: str, *, lasts: datetime.timedelta = DAY, address: str = "127.0.0.1"
    ) -> Pair:
        """A certificate for an address."""
        key = ec.generate_private_key(ec.SECP256R1())
        ip = x509.IPAddress(ipaddress.ip_address(address))
        builder = self._builder(_name(name), key, lasts)
        builder = builder.add_extension(x509.SubjectAlternativeName([ip]), False)
        pair = Pair(self._folder / f"{name}.crt", self._folder / f"{name}.key")
        pair.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        pair.cert.write_bytes(self._signed(builder))
        return pair

    def _builder(self, name, key, lasts) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 3 * DAY)
            .not_valid_after(now + lasts)
        )

    def _signed(self, builder: x509.CertificateBuilder) -> bytes:
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
