"""Rows whose lengths are drawn from the very distributions that are stated for them."""

from statistics import NormalDist

import numpy as np

from index_builder.evaluation.breakdown import accuracy_by_model
from index_builder.evaluation.evaluated_rows import EvaluatedRows
from index_builder.evaluation.evaluation import Evaluation
from index_builder.evaluation.metrics import PredictedLengths, measure

LEVELS = (0.05, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 0.95)
SPREAD = 0.6
WITHIN_FACTOR_2 = 2 * NormalDist(0, SPREAD).cdf(np.log(2)) - 1


def made_rows(count=2_000, *, seed=0, levels=LEVELS, models=("a", "b"), stretched=1.0):
    """Log-normal lengths; `stretched` makes the stated quantiles so many times too long."""
    rng = np.random.default_rng(seed)
    median = np.exp(rng.normal(4.5, 0.8, count))
    truth = np.maximum(1, np.rint(median * np.exp(rng.normal(0, SPREAD, count))))
    normal = NormalDist(0, SPREAD)
    factors = np.exp([normal.inv_cdf(level) for level in levels]) * stretched
    middle = median * stretched
    return EvaluatedRows(
        truth=truth,
        models=tuple(models[i % len(models)] for i in range(count)),
        quantile_levels=levels,
        quantile_tokens=median[:, None] * factors,
        confidence=np.full(count, WITHIN_FACTOR_2),
        points={
            "retrieval": middle,
            "constant_median": np.full(count, 90.0),
            "another_draw": median * np.exp(rng.normal(0, SPREAD, count)),
        },
    )


def made_evaluation(rows=None, **facts):
    """An evaluation of such rows."""
    rows = rows or made_rows()
    served = PredictedLengths(rows.points["retrieval"])
    given = {
        "predictor": "retrieval",
        "metrics": {n: measure(PredictedLengths(p), rows.truth) for n, p in rows.points.items()},
        "censored_rows": 0,
        "seen_prompts": 0,
        "mean_confidence": 0.7,
        "within_factor_2": 0.7,
        "protocol": "made rows",
        "index_version": "v1",
        "by_model": accuracy_by_model(served, rows.truth, rows.models),
        "asked": rows,
    }
    return Evaluation(**{**given, **facts})
