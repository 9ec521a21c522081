"""What the API server tells Lengthwise's scheduler class, in another process, of a request.

It travels in SamplingParams.extra_args, which vLLM hands through to the scheduler untouched. A
client can write there too (`vllm_xargs`), so nothing that comes out of it is trusted.
"""

import math
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any, cast

from lengthwise.length_distribution import LengthDistribution
from lengthwise.scheduling.service_time import ServiceTimeModel

HINT = "lengthwise"
SCHEDULERS = ("LengthwiseScheduler", "LengthwiseAsyncScheduler")


@dataclass(frozen=True, slots=True)
class Hint:
    """The predicted length of a request.

    Args:
        expected_tokens: The mean, or what is typical of the LLM.
        distribution: None if nothing was predicted.
        service_time: The engine's speed, as the API server has fitted it so far.
    """

    expected_tokens: float
    distribution: LengthDistribution | None
    service_time: ServiceTimeModel


def wants_hints(scheduler_cls: str | type[object] | None) -> bool:
    """Whether the engine runs a scheduler class that reads hints."""
    name = (
        scheduler_cls if isinstance(scheduler_cls, str) else getattr(scheduler_cls, "__name__", "")
    )
    return name.rsplit(".", 1)[-1] in SCHEDULERS


def encode_hint(hint: Hint) -> dict[str, Any]:
    """As MessagePack carries it."""
    message: dict[str, Any] = {
        "expected": hint.expected_tokens,
        "rates": list(astuple(hint.service_time)),
    }
    if hint.distribution is not None:
        message["levels"] = list(hint.distribution.levels)
        message["tokens"] = list(hint.distribution.tokens)
    return message


def decode_hint(extra_args: Mapping[str, Any] | None) -> Hint | None:
    """Read a hint; None if there is none that makes sense."""
    message: Any = (extra_args or {}).get(HINT)
    if not isinstance(message, Mapping):
        return None
    fields = cast("Mapping[str, Any]", message)
    try:
        expected = float(fields["expected"])
        if not (math.isfinite(expected) and expected >= 0):
            return None
        service_time = ServiceTimeModel(*map(float, fields["rates"]))
        if "levels" not in fields:
            return Hint(expected, None, service_time)
        levels, tokens = (tuple(map(float, fields[name])) for name in ("levels", "tokens"))
        return Hint(expected, LengthDistribution(levels, tokens), service_time)
    except (KeyError, TypeError, ValueError):
        return None
