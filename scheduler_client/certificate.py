"""When a certificate ends. The standard library reads certificates only of its own connections."""

import ssl
from datetime import UTC, datetime
from pathlib import Path

_SEQUENCE, _VERSION = 0x30, 0xA0
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18


def expired_on(path: Path, now: datetime | None = None) -> datetime | None:
    """When the first certificate of a PEM file ended; None if it has not, or cannot be read."""
    try:
        text = path.read_text("ascii")
        begin = text.index("-----BEGIN CERTIFICATE-----")
        end = text.index("-----END CERTIFICATE-----", begin)
        der = ssl.PEM_cert_to_DER_cert(text[begin:end] + "-----END CERTIFICATE-----")
        ends = _not_after(der)
    except (OSError, ValueError, LookupError):
        return None
    return ends if ends < (now or datetime.now(UTC)) else None


def _not_after(der: bytes) -> datetime:
    """Certificate > tbsCertificate > version, number, algorithm, issuer, validity (RFC 5280, 4.1).

    Raises:
        ValueError: It is no certificate.
        IndexError: It is cut off.
    """
    _, certificate, _ = _element(der)
    _, rest, _ = _element(certificate)
    if rest[0] == _VERSION:
        _, _, rest = _element(rest)
    for _ in range(3):
        _, _, rest = _element(rest)
    tag, validity, _ = _element(rest)
    if tag != _SEQUENCE:
        raise ValueError("expected the validity")
    _, _, after = _element(validity)
    tag, moment, _ = _element(after)
    form = {_UTC_TIME: "%y%m%d%H%M%SZ", _GENERALIZED_TIME: "%Y%m%d%H%M%SZ"}[tag]
    return datetime.strptime(moment.decode(), form).replace(tzinfo=UTC)


def _element(der: bytes) -> tuple[int, bytes, bytes]:
    """Tag and content of the first element, and what follows it."""
    tag, length, start = der[0], der[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[2:start])
    return tag, der[start : start + length], der[start + length :]
