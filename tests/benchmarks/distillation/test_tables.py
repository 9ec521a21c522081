"""What `benchmarks.distillation` learns from, and what it makes of what it found."""

from types import SimpleNamespace

from benchmarks.distillation.tables import SizeFound, distillation_aims, speed_table
from benchmarks.distillation.timed import Timed


def found(name, rates, tau_b):
    metrics = {"trained": SimpleNamespace(kendall_tau_b=tau_b)}
    return SizeFound(
        name=name,
        evaluation=SimpleNamespace(metrics=metrics, predictor="trained"),
        timed=Timed(rates, rates, [1.0] * len(rates)),
        memory_mib=100,
        artifact_bytes=2**20,
        unlabelled=None,
        build_s=None,
    )


def test_rates_are_compared_round_by_round():
    table = speed_table([found("full", [100, 50, 10], 0.6), found("static", [1000, 600, 90], 0.6)])
    assert table.rows[0]["times"].median == 1
    assert (table.rows[1]["times"].lowest, table.rows[1]["times"].highest) == (9, 12)


def test_aims_hold_speed_and_loss_against_each_size():
    full, static = found("full", [100, 100], 0.62), found("static", [1200, 1300], 0.59)
    faster, lost = distillation_aims([full, static])
    assert faster.met
    assert not lost.met
    assert round(lost.value, 3) == 0.03
