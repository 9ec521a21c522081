from benchmarks.vllm.ordered import Ordered
from benchmarks.vllm_overhead import Measured, overhead_report

ALL = [(0.5, 1.0)] * 3


def aims(measured):
    tables = {table.name: table for table in overhead_report("command", measured, 8, 12.0).tables}
    return [line["met"] for line in tables["aims"].rows]


def test_rounds_are_compared_pair_by_pair():
    # The machine slows down from round to round; the plugin costs nothing in any of them.
    slowing = Measured([(900, 900), (500, 500), (200, 200)], [(10, 14), (30, 34), (90, 94)], ALL)
    assert aims(slowing) == [True, True, True]


def test_a_plugin_that_costs_too_much_does_not_pass():
    costly = Measured([(900, 880), (500, 490), (200, 195)], [(10, 24), (30, 44), (90, 104)], ALL)
    assert aims(costly) == [False, False, True]


def test_a_plugin_that_costs_nothing_because_it_asks_nobody_does_not_pass():
    idle = Measured([(900, 900)] * 3, [(10, 10)] * 3, [(0.4, 0.0)] * 3)
    assert aims(idle) == [True, True, False]


def test_what_was_ordered_since_is_told_apart_by_how_it_came_about():
    before = Ordered(10, {"deadline": 2, "breaker_open": 1})
    since = Ordered(16, {"deadline": 4, "breaker_open": 1}).since(before)
    assert since == Ordered(6, {"deadline": 2})
    assert since.all == 8
    assert since.share_predicted == 0.75
