"""How well the lengths of one LLM are predicted at present."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelDrift:
    """Predictions of the served version beside the lengths that were reported since.

    Args:
        model: The LLM; "" where none was named.
        rows: Predictions in the window.
        censored_rows: Those whose length is only known to be longer.
        mae_tokens: Mean absolute error of the medians; None if nothing is known.
        log_error: Mean absolute error of log(1 + length).
        kendall_tau_b: Of the medians with the true lengths.
        coverage_90: Share of true lengths inside the 90 % interval.
        promised_mae_tokens: By the index's own evaluation; None if it says nothing.
        promised_coverage_90: By the same.
        alarm: Error or coverage are outside their band.
        reason: Why, for people.
    """

    model: str
    rows: int
    censored_rows: int
    mae_tokens: float | None
    log_error: float | None
    kendall_tau_b: float | None
    coverage_90: float | None
    promised_mae_tokens: float | None
    promised_coverage_90: float | None
    alarm: bool
    reason: str
