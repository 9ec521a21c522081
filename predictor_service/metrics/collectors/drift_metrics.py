"""Metrics of how well lengths are predicted."""

from collections.abc import Iterator

from prometheus_client.core import Metric

from predictor_service.metrics.family import counter, gauges
from predictor_service.metrics.sources import Sources

FIGURES = {
    "rows": "Judged predictions in the window.",
    "mae_tokens": "Mean absolute error of the predicted medians, in tokens.",
    "log_error": "Mean absolute error of log(1 + length).",
    "tau_b": "Kendall's tau-b of predicted and true lengths.",
    "coverage_90": "Share of true lengths inside the 90 % interval.",
    "promised_mae_tokens": "The error by the evaluation of the index, in tokens.",
    "promised_coverage_90": "The coverage by the evaluation of the index.",
    "alarm": "1 while error or coverage are outside their band.",
}


def drift_metrics(sources: Sources) -> Iterator[Metric]:
    """Of each LLM, over the window of its last reports."""
    found = sources.drift_now()
    for name, text in FIGURES.items():
        yield gauges(
            f"drift_{name}", text, "llm", [(one.model, getattr(one, name)) for one in found]
        )
    yield counter("drift_judged", "Reports held against their prediction.", sources.drift.judged)
    yield counter(
        "drift_unmatched",
        "Reports whose prediction is not known, or another version's.",
        sources.drift.unmatched,
    )
