import pytest

from benchmarks.vllm.ordered import Ordered
from benchmarks.vllm_engine_core.tables import (
    ALONE,
    BEFORE,
    NOW,
    PLAIN,
    Burst,
    Measured,
    engine_core_report,
)

IDLE_MS = {PLAIN: [10.0, 30.0, 90.0], NOW: [10.5, 30.5, 90.5], BEFORE: [20.0, 40.0, 99.0]}
ORDERED = {NOW: [Burst(92, 91), Burst(92, 92)], BEFORE: [Burst(92, 0), Burst(92, 2)]}
FULL = {kind: [900.0, 500.0, 200.0] for kind in (PLAIN, NOW, ALONE)}


def aims(ttft_ms=IDLE_MS, bursts=ORDERED, tokens_per_s=FULL):
    report = engine_core_report("command", Measured(ttft_ms, bursts, tokens_per_s, 400.0))
    (table,) = (table for table in report.tables if table.name == "aims")
    p50, p95, ordered, throughput = (line["met"] for line in table.rows)
    return {"p50": p50, "p95": p95, "ordered": ordered, "throughput": throughput}


def test_what_costs_nothing_and_orders_a_burst_passes():
    assert all(aims().values())


def test_rounds_are_compared_pair_by_pair():
    # The machine slows down from round to round; Lengthwise costs half of it in one of them.
    once = FULL | {NOW: [900.0, 500.0, 100.0]}
    assert aims(tokens_per_s=once)["throughput"]


def test_a_plugin_that_costs_too_much_does_not_pass():
    slower = FULL | {NOW: [880.0, 490.0, 195.0]}
    later = IDLE_MS | {NOW: [ms + 4 for ms in IDLE_MS[PLAIN]]}
    assert aims(later, tokens_per_s=slower) == {
        "p50": False,
        "p95": False,
        "ordered": True,
        "throughput": False,
    }


def test_what_the_predictor_takes_is_told_from_what_the_plugin_takes():
    beside_it = FULL | {NOW: [890.0, 495.0, 198.0]}
    report = engine_core_report("command", Measured(IDLE_MS, ORDERED, beside_it, 400.0))
    (table,) = (table for table in report.tables if table.name == "throughput")
    ratios = {row["engine"]: row["ratio"].median for row in table.rows if "ratio" in row}
    assert ratios == {NOW: pytest.approx(0.99, abs=0.002), ALONE: 1.0}


def test_a_plugin_that_costs_nothing_because_it_asks_nobody_does_not_pass():
    asks_nobody = ORDERED | {NOW: [Burst(92, 0)]}
    assert aims(bursts=asks_nobody)["ordered"] is False


def test_a_burst_that_is_predicted_whole_does_not_make_up_for_one_that_is_not():
    # Of 8 that found a slot a prediction came, too: these never stood in the queue.
    assert aims(bursts=ORDERED | {NOW: [Burst(92, 100), Burst(92, 80)]})["ordered"] is False


def test_what_was_ordered_since_is_told_apart_by_how_it_came_about():
    before = Ordered(10, {"deadline": 2, "breaker_open": 1})
    since = Ordered(16, {"deadline": 4, "breaker_open": 1}).since(before)
    assert since == Ordered(6, {"deadline": 2})
    assert since.all == 8
