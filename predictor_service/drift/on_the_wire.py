"""Drift as GetIndexInfo tells it."""

from lengthwise.v1 import length_predictor_pb2 as pb
from predictor_service.drift.model_drift import ModelDrift
from predictor_service.drift.monitor import DriftMonitor


def fill_drift(response: pb.GetIndexInfoResponse, monitor: DriftMonitor) -> None:
    """Add how well lengths are predicted at present."""
    response.drift.extend(_message(drift) for drift in monitor.snapshot())
    response.reports_judged = monitor.judged
    response.reports_unmatched = monitor.unmatched


def _message(drift: ModelDrift) -> pb.ModelDrift:
    return pb.ModelDrift(
        model=drift.model,
        rows=drift.rows,
        censored_rows=drift.censored_rows,
        mae_tokens=drift.mae_tokens,
        log_error=drift.log_error,
        kendall_tau_b=drift.tau_b,
        coverage_90=drift.coverage_90,
        promised_mae_tokens=drift.promised_mae_tokens,
        promised_coverage_90=drift.promised_coverage_90,
        alarm=drift.alarm,
        reason=drift.reason,
    )
