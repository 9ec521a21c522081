"""Greedy answers with swapping, every third transfer failing, against those without."""

from dataclasses import replace

from benchmarks.harness.table import Column, Row, Table
from benchmarks.kv_swap.setting import Setting, as_modelled, engine_options
from serving_sim.workload.requests import Requests
from testbed.engine import CACHE
from testbed.in_engine.modelled_engine import ModelledRequest, Served, modelled_engine
from testbed.tiny_model import tiny_model

REQUESTS = 500
BLOCKS = 40
"""About ten requests fit."""

LONGEST = 120
"""Answers are cut to so many tokens: it is about preemptions, not lengths."""

FAILING = 3


def same_answers(setting: Setting) -> Table:
    """Run the same requests in three ways, and the first of them twice."""
    drawn = setting.requests("Alpaca", setting.count(REQUESTS), float("inf"), seed=0)
    requests = _cut(drawn)
    model = tiny_model(CACHE)
    plain = replace(engine_options("recompute"), blocks=BLOCKS, slots=32, window_tokens=1024)
    with modelled_engine(model, plain) as engine:
        expected, again = engine.serve(requests), engine.serve(requests)
    swapping = replace(plain, swap=engine_options("16 bits").swap)
    with modelled_engine(model, swapping) as engine:
        swapped = engine.serve(requests)
        engine.fail_every(FAILING)
        failing = engine.serve(requests)
    runs = {
        "computed again, a second time": again,
        "swapped": swapped,
        "swapped, every third transfer failing": failing,
    }
    columns = (
        Column("run", "against computed again"),
        Column("requests", "requests"),
        Column("identical", "identical"),
        Column("preemptions", "preemptions"),
        Column("swapped_in", "tokens swapped in", "{:,}"),
        Column("again", "computed again", "{:,}"),
    )
    rows = [_row(name, served, expected) for name, served in runs.items()]
    return Table("same_answers", "Greedy answers in float32", columns, rows)


def _cut(drawn: Requests) -> list[ModelledRequest]:
    requests = as_modelled(drawn, seed=0)
    return [
        replace(r, prompt=r.prompt[:LONGEST], output_tokens=min(r.output_tokens, LONGEST))
        for r in requests
    ]


def _row(name: str, served: Served, expected: Served) -> Row:
    pairs = zip(served.answers, expected.answers, strict=True)
    return {
        "run": name,
        "requests": len(expected.answers),
        "identical": sum(one == other for one, other in pairs),
        "preemptions": served.counts["preemptions"],
        "swapped_in": served.counts.get("swapped_in", 0),
        "again": served.computed_again,
    }
