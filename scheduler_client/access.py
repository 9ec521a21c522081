"""What a client shows a service: certificates and a token, each in a file.

The token may be replaced while the client runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from scheduler_client.errors import InvalidRequestError

if TYPE_CHECKING:
    import grpc

Metadata = tuple[tuple[str, str], ...]


class TokenFile:
    """Reads a token, and again when its file changes.

    Args:
        path: The file: the token on its first line that is no comment, last word if several, so
            that the service's own file of tokens will do.
        name: What the file was given as, for errors.

    Raises:
        InvalidRequestError: If it cannot be read or holds no token.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._name = name
        self._stamp = self._look()
        self._metadata = self._read()

    def metadata(self) -> Metadata:
        """What goes with a call; the token that was read last where the new one cannot be used."""
        stamp = self._look()
        if stamp != self._stamp:
            try:
                self._metadata = self._read()
            except InvalidRequestError:
                return self._metadata  # it is being replaced: looked at again at the next call
            self._stamp = stamp
        return self._metadata

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read(self) -> Metadata:
        came = f"{self._name} is {str(self._path)!r}"
        try:
            lines = self._path.read_text("utf-8").splitlines()
        except OSError as error:
            raise InvalidRequestError(f"{came}: it cannot be read: {error.strerror}") from error
        except UnicodeDecodeError:
            raise InvalidRequestError(f"{came}: expected text") from None
        for line in lines:
            words = line.split()
            if words and not words[0].startswith("#"):
                return _checked(words[-1], came)
        raise InvalidRequestError(f"{came}, which holds no token: expected one on a line")


def _checked(token: str, came: str) -> Metadata:
    if not (token.isascii() and token.isprintable()):
        raise InvalidRequestError(f"{came}: expected a token of ASCII characters")
    return (("authorization", f"Bearer {token}"),)


SYSTEM_CA = "system"
"""In place of a file: the authorities that gRPC brings along."""

VARIABLES = {
    "tls_ca": "LENGTHWISE_TLS_CA_FILE",
    "tls_cert": "LENGTHWISE_TLS_CERT_FILE",
    "tls_key": "LENGTHWISE_TLS_KEY_FILE",
    "token": "LENGTHWISE_TOKEN_FILE",
}
"""Environment variables, by the field of Access that they set."""

FLAGS = {
    "tls_ca": "--tls-ca",
    "tls_cert": "--tls-cert",
    "tls_key": "--tls-key",
    "token": "--token-file",
}
"""Flags of the command line, by the same fields."""


@dataclass(frozen=True, slots=True)
class Access:
    """Files by which a client knows a service, and is known. All empty: plain text, no token.

    Args:
        tls_ca: PEM file of the authorities that vouch for the service, which turns TLS on;
            "system" for those that gRPC brings along.
        tls_cert: PEM file of the client's own certificate, for a service that wants one.
        tls_key: PEM file of its private key.
        token: File that holds the bearer token. It is read again when it changes; the others are
            read when a client is made.

    Raises:
        InvalidRequestError: If they do not belong together, or one cannot be used.
    """

    tls_ca: str = ""
    tls_cert: str = ""
    tls_key: str = ""
    token: str = ""

    def __post_init__(self) -> None:
        if bool(self.tls_cert) != bool(self.tls_key):
            one, other = ("tls_cert", "tls_key") if self.tls_cert else ("tls_key", "tls_cert")
            raise InvalidRequestError(
                f"{named(one)} is {getattr(self, one)!r}: expected {named(other)} with it"
            )
        if self.tls_cert and not self.tls_ca:
            raise InvalidRequestError(
                f"{named('tls_cert')} is {self.tls_cert!r}: expected {named('tls_ca')} with it, "
                f"which turns TLS on; {SYSTEM_CA!r} stands for the system's authorities"
            )

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> Self:
        """As the LENGTHWISE_ variables say; see `VARIABLES`.

        Raises:
            InvalidRequestError: As above.
        """
        return cls(**{name: env.get(variable, "").strip() for name, variable in VARIABLES.items()})

    def check(self) -> None:
        """Read every file, to find out early.

        Raises:
            InvalidRequestError: If one cannot be used.
        """
        for name in ("tls_ca", "tls_cert", "tls_key"):
            self._read(name)
        self.token_file()

    def credentials(self) -> "grpc.ChannelCredentials | None":
        """For a secure channel; None for plain text.

        Raises:
            InvalidRequestError: If a file cannot be read.
        """
        if not self.tls_ca:
            return None
        import grpc  # noqa: PLC0415  see the package

        return grpc.ssl_channel_credentials(
            root_certificates=self._read("tls_ca"),
            private_key=self._read("tls_key"),
            certificate_chain=self._read("tls_cert"),
        )

    def token_file(self) -> TokenFile | None:
        """The token; None if there is none to show.

        Raises:
            InvalidRequestError: If its file cannot be read or holds none.
        """
        return TokenFile(Path(self.token), named("token")) if self.token else None

    def _read(self, name: str) -> bytes | None:
        path: str = getattr(self, name)
        if not path or (name, path) == ("tls_ca", SYSTEM_CA):
            return None
        try:
            return Path(path).read_bytes()
        except OSError as error:
            raise InvalidRequestError(
                f"{named(name)} is {path!r}: it cannot be read: {error.strerror}"
            ) from error


def named(name: str) -> str:
    """A field as people set it."""
    return f"{FLAGS[name]} / {VARIABLES[name]}"
