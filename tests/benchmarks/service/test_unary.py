"""What the tables of unary calls say of their rounds, and that the free service is a real one."""

import asyncio
import os
from pathlib import Path

import pytest

from benchmarks.service_load.servers import code_of, module_server
from benchmarks.unary.callers import Answered, Asked, run
from benchmarks.unary.tables import BASELINE, COALESCED, GRPC_ALONE, NOW, Way, unary_report


def answered(wall_s: float, service_cpu_s: float) -> Answered:
    return Answered(wall_s, 0.1, service_cpu_s, [2.0] * 1_000)


def one_round() -> dict[Way, Answered]:
    return {
        Way(GRPC_ALONE, 32): answered(0.5, 0.2),
        Way(BASELINE, 32): answered(1.0, 0.5),
        Way(NOW, 32): answered(1.0, 0.5),
        Way(COALESCED, 32): answered(0.25, 0.125),
    }


def test_rates_and_cpu_are_held_against_the_baseline_of_the_same_round():
    free, aims = unary_report("command", {True: [one_round()] * 2}, {}).tables
    by_way = {row["way"]: row for row in free.rows}
    assert by_way[COALESCED]["rate_ratio"].median == pytest.approx(4)
    assert by_way[COALESCED]["cpu_ratio"].median == pytest.approx(0.25)
    assert by_way[NOW]["service_us"].median == pytest.approx(500)
    assert "rate_ratio" not in by_way[GRPC_ALONE]
    assert [row["met"] for row in aims.rows] == [False, True, False, True]


def test_memory_is_held_against_the_baselines():
    rounds = [one_round()] * 2
    report = unary_report("command", {True: rounds, False: rounds}, {BASELINE: 500.0, NOW: 450.0})
    memory, aims = report.tables[2:]
    assert [row["peak"] for row in memory.rows] == [500.0, 450.0]
    [told] = [row for row in aims.rows if row["aim"].startswith("memory")]
    assert not told["met"]


def test_slices_are_one_pass_together():
    whole = Answered.together([answered(1.0, 0.5), answered(3.0, 0.5)])
    assert whole.rate == pytest.approx(500)
    assert whole.service_us == pytest.approx(500)


@pytest.mark.parametrize("coalesced", [False, True])
def test_the_service_with_the_free_encoder_answers_like_any(tmp_path: Path, coalesced: bool):
    target = f"unix:{tmp_path / 'socket'}"
    module = "benchmarks.unary.free_service"
    with module_server(module, target, port_file=tmp_path / "port", environment={}) as server:
        asked = Asked(callers=4, calls=20, coalesced=coalesced, first=0)
        found = asyncio.run(run(target, server.pid, asked))
    assert len(found.latencies_ms) == 20
    assert found.wall_s > 0


def test_a_checkouts_packages_win_over_those_that_are_run_from(tmp_path: Path):
    (tmp_path / "predictor_service").mkdir()
    before = tmp_path / "overlay"
    environment = code_of(tmp_path, before)
    assert environment["PYTHONPATH"].split(os.pathsep) == [str(before), str(tmp_path)]
    with pytest.raises(ValueError, match="expected a checkout"):
        code_of(tmp_path / "none")
