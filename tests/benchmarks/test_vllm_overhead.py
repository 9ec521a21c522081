from benchmarks.vllm_overhead import Measured, overhead_report


def aims(measured):
    tables = {table.name: table for table in overhead_report("command", measured, 8, 12.0).tables}
    return [line["met"] for line in tables["aims"].rows]


def test_rounds_are_compared_pair_by_pair():
    # The machine slows down from round to round; the plugin costs nothing in any of them.
    slowing = Measured([(900, 900), (500, 500), (200, 200)], [(10, 14), (30, 34), (90, 94)])
    assert aims(slowing) == [True, True]


def test_a_plugin_that_costs_too_much_does_not_pass():
    costly = Measured([(900, 880), (500, 490), (200, 195)], [(10, 24), (30, 44), (90, 104)])
    assert aims(costly) == [False, False]
