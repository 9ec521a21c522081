"""Options that several commands share: where the service is, and how an answer is sampled."""

import argparse
import os

from lengthwise.request import CONDITION_NAMES, SamplingConditions
from scheduler_client.access import FLAGS, VARIABLES, Access
from scheduler_client.advisor.parse_setting import parse_bool
from scheduler_client.cli.inputs import InputError
from scheduler_client.client import LengthPredictorClient
from scheduler_client.connection_trouble import PROXY_FLAG, PROXY_VARIABLE
from scheduler_client.targets import DEFAULT_TARGET

TARGET_VARIABLE = "LENGTHWISE_TARGET"
"""Where the service is, for every program that asks it."""

_HELP = {
    "tls_ca": "speak TLS with a service whose certificate an authority in FILE (PEM) vouches for; "
    "'system' for those that gRPC brings along",
    "tls_cert": "the client's own certificate (PEM), where the service wants one",
    "tls_key": "its private key (PEM)",
    "token": "file that holds the token, where the service wants one",
}
"""What --help says of each flag, by the field of Access that it sets."""


def add_target_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that says where the service is; it defaults to its environment variable."""
    parser.add_argument(
        "--target",
        default=os.environ.get(TARGET_VARIABLE) or DEFAULT_TARGET,
        help="of the service: host:port, or several with commas (default: "
        f"${TARGET_VARIABLE}, else %(default)s)",
    )


def add_connection_options(parser: argparse.ArgumentParser) -> None:
    """Add all of the connection; each defaults to its environment variable."""
    add_target_option(parser)
    parser.add_argument(
        "--timeout-s", type=float, default=10.0, help="seconds per call (default: %(default)g)"
    )
    for name, flag in FLAGS.items():
        parser.add_argument(
            flag,
            dest=name,
            metavar="FILE",
            default=os.environ.get(VARIABLES[name], ""),
            help=f"{_HELP[name]} (default: ${VARIABLES[name]})",
        )
    parser.add_argument(
        PROXY_FLAG,
        action="store_true",
        default=None,
        help="go through the proxy that http_proxy and the like name in the environment "
        f"(default: ${PROXY_VARIABLE}, else straight to the service)",
    )


def client_of(args: argparse.Namespace) -> LengthPredictorClient:
    """The client that the options describe.

    Raises:
        InputError: If one cannot be used.
    """
    try:
        access = Access(**{name: getattr(args, name) for name in FLAGS})
        return LengthPredictorClient(
            args.target, timeout_s=args.timeout_s, access=access, use_proxy=_uses_proxy(args)
        )
    except ValueError as error:
        raise InputError(str(error)) from error


def add_sampling_options(parser: argparse.ArgumentParser) -> None:
    """Add them; what is left out is unknown."""
    parser.add_argument("--max-tokens", type=int, help="the limit on generated tokens")
    parser.add_argument("--temperature", type=float, help="of the sampling; 0 is greedy decoding")


def sampling_of(args: argparse.Namespace) -> SamplingConditions:
    """The conditions that the options describe; they are checked when they are sent."""
    return SamplingConditions(**{name: getattr(args, name) for name in CONDITION_NAMES})


def _uses_proxy(args: argparse.Namespace) -> bool:
    text = os.environ.get(PROXY_VARIABLE, "").strip()
    return args.use_proxy or (bool(text) and parse_bool(text, PROXY_VARIABLE))
