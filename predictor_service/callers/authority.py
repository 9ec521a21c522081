"""Decides who calls, and whether they may."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote

from predictor_service.callers.tokens import MethodClass, TokenSet, digest
from predictor_service.callers.watched_files import WatchedFiles
from predictor_service.config import ServiceConfig, flag
from predictor_service.errors import ConfigError, ForbiddenError, UnknownCallerError

OPTIONS = {
    MethodClass.PREDICT: "predict_token_file",
    MethodClass.REPORT: "report_token_file",
    MethodClass.ADMIN: "admin_token_file",
}
BEARER = "bearer "


class CallContext(Protocol):
    """What is asked of gRPC's servicer context."""

    def invocation_metadata(self) -> Any:
        """What came with the call."""
        ...

    def peer(self) -> str:
        """The address of the caller."""
        ...

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """What TLS knows of the caller."""
        ...


class Authority:
    """Knows the tokens.

    Args:
        tokens: Of the classes that want one; see `MethodClass`.
        has_certificates: Whether callers show certificates.
    """

    def __init__(
        self,
        tokens: Mapping[MethodClass, WatchedFiles[TokenSet]],
        *,
        has_certificates: bool = False,
    ) -> None:
        self._tokens = tokens
        self._has_certificates = has_certificates

    @classmethod
    def of_config(cls, config: ServiceConfig) -> "Authority":
        """Read the token files that the configuration names.

        Raises:
            ConfigError: One cannot be used.
        """
        tokens = {
            kind: _watch(option, path)
            for kind, option in OPTIONS.items()
            if (path := getattr(config, option)) is not None
        }
        return cls(tokens, has_certificates=config.tls_client_ca_file is not None)

    def caller_of(self, kind: MethodClass, context: CallContext) -> str:
        """Name the caller, who may call methods of a class.

        Raises:
            UnknownCallerError: There is no token, or none that is known.
            ForbiddenError: It is a token for other methods.
        """
        tokens = self._tokens.get(kind)
        if tokens is None:
            if kind is MethodClass.ADMIN and not context.peer().startswith("unix:"):
                raise ForbiddenError(
                    "nobody may administer this service from here: start it with "
                    f"{flag(OPTIONS[kind])}, or call it over a Unix domain socket"
                )
            return self._without_token(context)
        token = _token(context)
        if token is None:
            raise UnknownCallerError(
                f"no token came, and one is wanted to {kind}: send the metadata "
                "`authorization: Bearer TOKEN` (--token-file or LENGTHWISE_TOKEN_FILE of the "
                "Lengthwise client)"
            )
        wanted = digest(token)
        name = tokens.current().find(wanted)
        if name is None:
            raise self._refusal(kind, wanted)
        return f"token {name}"

    def _refusal(self, kind: MethodClass, wanted: bytes) -> UnknownCallerError | ForbiddenError:
        for other, tokens in self._tokens.items():
            name = tokens.current().find(wanted)
            if name is not None:
                return ForbiddenError(
                    f"the token {name!r} may {other}, but not {kind}: ask for one that may"
                )
        return UnknownCallerError(
            f"the token that came is not one of those that may {kind}: is it an old one, or "
            "another service's?"
        )

    def _without_token(self, context: CallContext) -> str:
        if self._has_certificates:
            for name in context.auth_context().get("x509_common_name", ()):
                return f"certificate {name.decode(errors='replace')}"
        return f"address {_host(context.peer())}"


def _watch(option: str, path: Path) -> WatchedFiles[TokenSet]:
    try:
        return WatchedFiles(f"tokens of {flag(option)}", (path,), lambda: TokenSet.read(path))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{flag(option)}: {error}") from error


def _token(context: CallContext) -> str | None:
    metadata: Iterable[tuple[str, str | bytes]] = context.invocation_metadata() or ()
    for key, value in metadata:
        if key == "authorization" and isinstance(value, str):
            scheme, token = value[: len(BEARER)], value[len(BEARER) :]
            return token.strip() if scheme.lower() == BEARER else None
    return None


def _host(peer: str) -> str:
    """The address without the port, which every connection has anew."""
    peer = unquote(peer)
    if peer.startswith("unix:"):
        return "unix"
    return peer.partition(":")[2].rpartition(":")[0] or peer
