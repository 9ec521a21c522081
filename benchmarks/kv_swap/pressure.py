"""A burst on a full memory, first come, first served: what is computed again, and the rate."""

from benchmarks.harness.table import Column, Row, Table
from benchmarks.kv_swap.setting import (
    AT_ONCE,
    KINDS,
    Kind,
    Setting,
    as_modelled,
    engine_options,
    fast_model,
)
from testbed.in_engine.modelled_engine import Served, modelled_engine

REQUESTS = 100
ROUNDS = 4
LITTLE_GIB = 0.0007
"""Of the tiny model's bfloat16: some 2,900 tokens as they are."""


def burst(setting: Setting) -> Table:
    """All at once, with host memory for all."""
    requests = as_modelled(setting.requests("ShareGPT", setting.count(REQUESTS), AT_ONCE, 0), 0)
    rows: list[Row] = []
    plain_rate = 0.0
    for kind in KINDS:
        with modelled_engine(fast_model(), engine_options(kind)) as engine:
            served = engine.serve(requests)
        rate = sum(request.output_tokens for request in requests) / served.makespan_s
        plain_rate = plain_rate or rate
        total = sum(len(request.prompt) + request.output_tokens for request in requests)
        rows.append(
            {
                "kind": kind,
                "preemptions": served.counts["preemptions"],
                "again": served.computed_again,
                "share": 100 * served.computed_again / total,
                "tokens_per_s": rate,
                "ratio": rate / plain_rate,
                "cpu_s": served.cpu_s,
            }
        )
    columns = (
        Column("kind", "preempted are"),
        Column("preemptions", "preemptions"),
        Column("again", "computed again", "{:,}"),
        Column("share", "of all, %", "{:.1f}"),
        Column("tokens_per_s", "tokens/s", "{:.0f}"),
        Column("ratio", "ratio", "{:.3f}"),
        Column("cpu_s", "CPU s of the tiny model", "{:.1f}"),
    )
    title = f"A burst of {len(requests)} ShareGPT requests, first come first served"
    return Table("burst", title, columns, rows)


def little_memory(setting: Setting) -> Table:
    """The same burst with host memory for a part: the same bytes in 16 and in 8 bits."""
    requests = as_modelled(setting.requests("ShareGPT", setting.count(REQUESTS), AT_ONCE, 0), 0)
    kinds: tuple[Kind, ...] = ("16 bits", "8 bits")
    found: dict[Kind, Served] = {}
    for kind in kinds:
        options = engine_options(kind, host_gib=LITTLE_GIB, dtype="bfloat16")
        with modelled_engine(fast_model(), options) as engine:
            found[kind] = engine.serve(requests)
    rows: list[Row] = [
        {
            "kind": kind,
            "swapped_out": served.counts.get("swapped_out", 0),
            "evicted": served.counts.get("evicted", 0),
            "again": served.computed_again,
            "ratio": served.computed_again / max(1, found["16 bits"].computed_again),
        }
        for kind, served in found.items()
    ]
    columns = (
        Column("kind", "kept in"),
        Column("swapped_out", "tokens swapped out", "{:,}"),
        Column("evicted", "evicted or refused", "{:,}"),
        Column("again", "computed again", "{:,}"),
        Column("ratio", "ratio", "{:.2f}"),
    )
    return Table("little_memory", "The same burst, little host memory", columns, rows)


def normal_memory(setting: Setting) -> Table:
    """Alpaca's lengths at half of what fits: nothing is preempted."""
    drawn = setting.requests("Alpaca", setting.count(400), 3.0, seed=0)
    requests = as_modelled(drawn, 0)
    served: dict[Kind, list[Served]] = {"recompute": [], "16 bits": []}
    # In turns, since what else the machine does takes CPU time, too.
    for kind in list(served) * (1 if setting.quick else ROUNDS):
        with modelled_engine(fast_model(), engine_options(kind)) as engine:
            engine.serve(requests[:30])
            served[kind].append(engine.serve(requests))
    plain = served["recompute"]
    rows: list[Row] = [
        {
            "kind": kind,
            "preemptions": runs[0].counts["preemptions"],
            "clock": plain[0].makespan_s / runs[0].makespan_s,
            "cpu_s": min(run.cpu_s for run in runs),
            "ratio": min(run.cpu_s for run in plain) / min(run.cpu_s for run in runs),
        }
        for kind, runs in served.items()
    ]
    columns = (
        Column("kind", "preempted are"),
        Column("preemptions", "preemptions"),
        Column("clock", "rate on the modelled clock, ratio", "{:.3f}"),
        Column("cpu_s", "CPU s, least of the rounds", "{:.2f}"),
        Column("ratio", "rate by CPU time, ratio", "{:.3f}"),
    )
    return Table("normal_memory", "Alpaca requests, memory for all", columns, rows)
