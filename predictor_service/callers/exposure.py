"""Whether the service is open to strangers, which its operator ought to have meant."""

import ipaddress

from predictor_service.callers.authority import OPTIONS
from predictor_service.callers.tokens import MethodClass
from predictor_service.config import ServiceConfig, flag
from predictor_service.rpc.address import is_unix


def exposures(config: ServiceConfig) -> list[str]:
    """What others on the network could do, one sentence for each; none on this machine alone."""
    if _is_local(config.host):
        return []
    found = [
        f"everybody who reaches {config.host} may {kind}: see {flag(OPTIONS[kind])}"
        for kind in (MethodClass.PREDICT, MethodClass.REPORT)
        if getattr(config, OPTIONS[kind]) is None and config.tls_client_ca_file is None
    ]
    if not config.has_tls:
        found.append("prompts and tokens can be read on the way: see --tls-cert-file")
    return found


def _is_local(host: str) -> bool:
    if is_unix(host) or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
