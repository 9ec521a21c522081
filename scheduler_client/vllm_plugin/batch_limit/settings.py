"""What a user sets: the time between tokens that is promised."""

from collections.abc import Mapping

from scheduler_client.advisor.parse_setting import parse_number

SLO_VARIABLE = "LENGTHWISE_ITL_SLO_MS"
"""Milliseconds between two tokens of a request that are promised; unset or empty limits nothing."""

LEAST_SLO_MS, MOST_SLO_MS = 1.0, 60_000.0
"""No engine has a step of less, and nobody reads a token a minute."""


def itl_slo_s(environment: Mapping[str, str]) -> float | None:
    """The SLO in seconds; None if it is not set.

    Raises:
        ValueError: If it is no number or out of range; the message names variable, value and range.
    """
    if not (text := environment.get(SLO_VARIABLE, "").strip()):
        return None
    slo_ms = parse_number(text, SLO_VARIABLE, float)
    if not LEAST_SLO_MS <= slo_ms <= MOST_SLO_MS:
        raise ValueError(
            f"{SLO_VARIABLE} is {text}: expected {LEAST_SLO_MS:g} to {MOST_SLO_MS:,.0f}"
        )
    return slo_ms / 1e3
