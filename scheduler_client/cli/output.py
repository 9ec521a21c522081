"""Predictions, receipts and the index as text for people and as JSON for programs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from lengthwise.index_info import IndexInfo, IndexSwitch, ModelDrift
from lengthwise.prediction import Prediction
from lengthwise.request import PredictionQuery
from scheduler_client.outcome import Outcome, PredictionFailure

_PROMPT_WIDTH = 48
"""Characters of a prompt in the table, beside some 58 of figures."""

TABLE_HEADER = " expected  median   90 % interval confidence  basis       prompt"
"""As wide as the cells of `outcome_row`; lengths are in tokens."""


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """A prediction with its median and 90th percentile, or an error by class and message."""
    if isinstance(outcome, PredictionFailure):
        return {
            "request_id": outcome.request_id,
            "error": type(outcome.error).__name__,
            "message": str(outcome.error),
        }
    numbers = {"p50_tokens": outcome.p50_tokens, "p90_tokens": outcome.p90_tokens}
    return rounded(asdict(outcome) | numbers)


def index_json(info: IndexInfo) -> dict[str, Any]:
    """What the index holds."""
    return rounded(asdict(info))


def switch_json(switch: IndexSwitch) -> dict[str, Any]:
    """What came of a switch."""
    return asdict(switch)


def shown_prompt(query: PredictionQuery) -> str:
    """The prompt, or the last message, which says most about the answer."""
    if query.prompt or not query.messages:
        return query.prompt
    last = query.messages[-1]
    return str(last.get("content", "") if isinstance(last, Mapping) else last[1])


def json_line(value: Any) -> str:
    """One line of JSON."""
    return json.dumps(value, ensure_ascii=False)


def rounded(value: Any) -> Any:
    """Round every float within to 4 digits, which is more than any of them is worth."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return value


def prediction_text(prediction: Prediction) -> str:
    """One prediction in full."""
    timing = prediction.timing
    rows = [
        ("expected", f"{prediction.expected_tokens:,.0f} tokens"),
        ("median", f"{prediction.p50_tokens:,.0f} tokens"),
        ("90 % interval", f"{_interval(prediction)} tokens"),
        (
            "confidence",
            f"{prediction.confidence:.2f} that the length is within a factor of two of the median",
        ),
        ("basis", _basis(prediction)),
        *(("" if n else "neighbours", line) for n, line in enumerate(_neighbours(prediction))),
        ("index", prediction.index_version),
        (
            "time",
            f"queue {_ms(timing.queue_time_us)}, encode {_ms(timing.encode_time_us)}, "
            f"search {_ms(timing.search_time_us)}, {_batch(timing.batch_size)}",
        ),
    ]
    return aligned(rows)


def outcome_row(outcome: Outcome, prompt: str) -> str:
    """One outcome as a row under TABLE_HEADER."""
    shown = " ".join(prompt.split())
    if len(shown) > _PROMPT_WIDTH:
        shown = shown[: _PROMPT_WIDTH - 1] + "…"
    if isinstance(outcome, PredictionFailure):
        return f"{'refused':>9} {outcome.error}  {shown}".rstrip()
    return (
        f"{outcome.expected_tokens:>9,.0f} {outcome.p50_tokens:>7,.0f} {_interval(outcome):>15} "
        f"{outcome.confidence:>10.2f}  {outcome.basis:<10}  {shown}"
    )


def index_text(info: IndexInfo) -> str:
    """What the index holds, and a table of the LLMs that it knows."""
    rows = [
        ("index", f"{info.index_version} (schema {info.schema_version})"),
        ("built", f"{info.created_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("rows", f"{info.rows:,}"),
        ("encoder", f"{info.encoder} ({info.encoder_hash[:12]}), {info.dimension} dimensions"),
        ("search", f"{info.search}, {info.metric}"),
        ("service", f"{info.service_version}, up {info.uptime_s:,.0f} s"),
        ("reported", f"{info.reported:,} completions since it started"),
    ]
    if info.swaps or info.previous_version:
        before = info.previous_version or "nothing to go back to"
        rows.append(("before it", f"{before}; switched {info.swaps:,} times since the start"))
    width = max([len(model.model) for model in info.models] + [3])
    table = [f"\n{'LLM':<{width}} {'rows':>10} {'median':>8} {'p90':>8}"] if info.models else []
    table += [
        f"{m.model:<{width}} {m.rows:>10,} {m.median_tokens:>8,.0f} {m.p90_tokens:>8,.0f}"
        for m in info.models
    ]
    return "\n".join([aligned(rows), *table, *_drift_lines(info)])


def _drift_lines(info: IndexInfo) -> list[str]:
    """How well each LLM's lengths are predicted at present, and why there is an alarm."""
    if not info.drift:
        return []
    width = max([len(drift.model) for drift in info.drift] + [3])
    head = f"{'LLM':<{width}} {'judged':>10} {'MAE':>8} {'promised':>8} {'tau-b':>6} {'in 90 %':>8}"
    return [
        f"\n{head} {'promised':>8}",
        *(_drift_row(drift, width) for drift in info.drift),
        *(f"ALARM {drift.model}: {drift.reason}" for drift in info.alarms),
    ]


def _drift_row(drift: ModelDrift, width: int) -> str:
    def cell(value: float | None, form: str, cell_width: int) -> str:
        return f"{'-' if value is None else format(value, form):>{cell_width}}"

    return " ".join(
        [
            f"{drift.model:<{width}} {drift.rows:>10,}",
            cell(drift.mae_tokens, ".0f", 8),
            cell(drift.promised_mae_tokens, ".0f", 8),
            cell(drift.kendall_tau_b, ".2f", 6),
            cell(drift.coverage_90, ".0%", 8),
            cell(drift.promised_coverage_90, ".0%", 8),
        ]
    )


def aligned(rows: Sequence[tuple[str, str]]) -> str:
    """Names on the left, values in one column."""
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}".rstrip() for name, value in rows)


def _interval(prediction: Prediction) -> str:
    return f"{prediction.quantile(0.05):,.0f} to {prediction.quantile(0.95):,.0f}"


def _basis(prediction: Prediction) -> str:
    known = "known" if prediction.model_known else "unknown"
    if prediction.tier == "first":
        return f"first tier: nothing was searched for; LLM {known}"
    if prediction.basis == "prior":
        return f"prior: no past prompt is similar (nearest {prediction.nearness:.2f}); LLM {known}"
    return f"neighbours, nearest {prediction.nearness:.2f}; LLM {known}"


def _neighbours(prediction: Prediction) -> list[str]:
    return [
        f"{n.similarity:.2f}  {n.output_tokens:>6,} tokens  {n.id}  {n.model}"
        for n in prediction.neighbours
    ]


def _ms(time_us: int) -> str:
    return f"{time_us / 1000:.1f} ms"


def _batch(size: int) -> str:
    return f"in a batch of {size}" if size else "from the cache"
