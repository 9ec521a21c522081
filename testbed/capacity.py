"""How many tokens a second an engine makes with all slots taken: what load 1 stands for."""

from collections.abc import Sequence

from testbed.replay import Outcome


def tokens_per_s_when_full(outcomes: Sequence[Outcome]) -> float:
    """Tokens per second while requests waited.

    From the first token of all to the moment when the last request got its first: until then every
    slot was taken. A request's tokens are spread evenly between its first and its last.

    Args:
        outcomes: Of requests that came all at once, several for each slot.

    Raises:
        ValueError: One failed, or none waited.
    """
    if failed := next((o for o in outcomes if o.failed), None):
        raise ValueError(f"a request of the calibration failed: {failed.error}")
    firsts = [o.first_token_s for o in outcomes if o.first_token_s is not None]
    start_s, end_s = min(firsts), max(firsts)
    if end_s <= start_s:
        raise ValueError("no request waited in the calibration: expected more requests than slots")
    made = sum(_made_by(outcome, end_s) for outcome in outcomes)
    return made / (end_s - start_s)


def _made_by(outcome: Outcome, end_s: float) -> float:
    first_s = outcome.first_token_s or 0.0
    took_s = max(outcome.finished_s - first_s, 1e-9)
    return outcome.output_tokens * min(max((end_s - first_s) / took_s, 0.0), 1.0)
