"""Why there is no connection, told from gRPC's own words."""

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from scheduler_client.access import FLAGS, SYSTEM_CA, Access, named
from scheduler_client.certificate import expired_on
from scheduler_client.errors import (
    AccessDeniedError,
    LengthPredictorError,
    ServerUnavailableError,
)

# What gRPC's core says of a connection.

_CONNECTING = re.compile(
    r"failed to connect|connections to all backends failing|errors resolving|resolution failed",
    re.IGNORECASE,
)
"""There is none; a failure that says otherwise comes from a service that is there."""

_HUNG_UP = re.compile(r"socket closed|connection reset|broken pipe|endpoint", re.IGNORECASE)
"""It stood and was closed at once."""

_NOT_VOUCHED_FOR = re.compile(r"CERTIFICATE_VERIFY_FAILED:? ?([\w -]*)")
"""TLS failed: no authority that is trusted signed the certificate, or it has expired; and why."""

_WRONG_NAME = re.compile(
    r"peer name .* is not in peer certificate|hostname verification", re.IGNORECASE
)
"""TLS failed: the certificate is for other names than the one called."""

PROXY_VARIABLES = ("grpc_proxy", "https_proxy", "http_proxy")
"""Where gRPC looks for a proxy, in this order; it reads them in lower case only."""

PROXY_FLAG, PROXY_VARIABLE = "--use-proxy", "LENGTHWISE_USE_PROXY"
"""How a command line and an environment ask for the proxy."""


def unavailable(details: str, target: str, access: Access) -> LengthPredictorError:
    """Tell a service that is not there from one that is not ready, or speaks TLS otherwise.

    Args:
        details: What gRPC says of a call that ended with UNAVAILABLE.
        target: The address as the user gave it.
        access: The certificates that the client showed or trusts.
    """
    if access.tls_ca and (trouble := _tls_trouble(details, target, access)):
        return trouble
    if not _CONNECTING.search(details):
        return ServerUnavailableError(
            f"the service at {target} cannot answer now ({details}): it is starting, stopping or "
            "was cut off; try again"
        )
    if _HUNG_UP.search(details):
        return _hung_up(target, access)
    # The reason stands last in gRPC's chain of causes: "...: Connection refused (111)]".
    reason = details.rstrip("]").rsplit(": ", 1)[-1]
    reason = re.sub(r"\s*\(\d+\)$", "", reason).lower()
    port = re.search(r"^[^,]*:(\d+)$", target)
    return ServerUnavailableError(
        f"no Lengthwise service answers at {target} ({reason}): is it running? Start it with: "
        f"python -m predictor_service --index DIR --port {port[1] if port else 'PORT'}"
    )


def with_proxy(
    error: LengthPredictorError, env: Mapping[str, str], *, used: bool
) -> LengthPredictorError:
    """The same error, saying what became of the proxy that the environment names, if it names one.

    Args:
        error: Why there was no answer.
        env: The environment, in which variables may name a proxy.
        used: The client was asked to go through the proxy.
    """
    variable = next((name for name in PROXY_VARIABLES if env.get(name)), None)
    if variable is None:
        return error
    if not used:
        asked = f"use_proxy=True, {PROXY_FLAG} or {PROXY_VARIABLE}=true"
        return type(error)(f"{error}. The proxy in {variable} was not used: {asked} asks for it")
    url = urlsplit(env[variable])
    proxy = url.netloc.rpartition("@")[2] or url.path  # without the password that it may have
    return type(error)(
        f"{error}. The call went through the proxy {proxy} of {variable}: leave out {PROXY_FLAG} "
        "to go straight there"
    )


def _tls_trouble(details: str, target: str, access: Access) -> LengthPredictorError | None:
    if "WRONG_VERSION_NUMBER" in details:
        return AccessDeniedError(
            f"what answers at {target} speaks no TLS: leave out {named('tls_ca')}, or start the "
            "service with --tls-cert-file and --tls-key-file"
        )
    if found := _NOT_VOUCHED_FOR.search(details):
        by = "gRPC's own authorities" if access.tls_ca == SYSTEM_CA else access.tls_ca
        return AccessDeniedError(
            f"the certificate of the service at {target} is not vouched for by {by} "
            f"({found[1].strip() or 'not valid'}): is {named('tls_ca')} the right one, and the "
            "service's certificate still valid?"
        )
    if _WRONG_NAME.search(details):
        return AccessDeniedError(
            f"the certificate of the service is one for other names than that in {target}: call "
            "it by a name that its certificate has, or have that renewed"
        )
    return None


def _hung_up(target: str, access: Access) -> LengthPredictorError:
    """The connection stood, and was closed before a word: TLS is the usual reason."""
    closed = f"what listens at {target} closed the connection at once"
    if not access.tls_ca:
        return ServerUnavailableError(
            f"{closed}: does it want TLS? Then name the authority of its certificate with "
            f"{named('tls_ca')}"
        )
    if not access.tls_cert:
        return ServerUnavailableError(
            f"{closed} after the TLS handshake: it wants a client certificate, see "
            f"{named('tls_cert')} and {FLAGS['tls_key']}"
        )
    if ended := expired_on(Path(access.tls_cert)):
        return AccessDeniedError(
            f"the client certificate {access.tls_cert} expired on {ended:%Y-%m-%d %H:%M} UTC, and "
            f"the service at {target} refused it: renew it"
        )
    return ServerUnavailableError(
        f"{closed} after the TLS handshake: is the client certificate {access.tls_cert} signed by "
        "an authority in the service's --tls-client-ca-file?"
    )
