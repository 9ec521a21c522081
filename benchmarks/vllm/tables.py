"""The tables of `vllm_jct`."""

from collections.abc import Sequence

from benchmarks.harness.aims import aims_table
from benchmarks.harness.report import Report
from benchmarks.harness.table import Column, Row, Table
from benchmarks.vllm.aims import vllm_aims
from benchmarks.vllm.compare import Compared, Interval, compared
from benchmarks.vllm.rows import BY_STOP_STRING, JctRow

NO_QUEUE = "no queue"


def jct_report(command: str, rows: Sequence[JctRow]) -> Report:
    """Everything that the runs say."""
    pairs = compared(rows)
    aims = vllm_aims(pairs)
    tables = [
        *([changes_table(pairs)] if pairs else []),
        seconds_table(rows),
        counts_table(rows),
        *([aims_table(aims)] if aims else []),
    ]
    return Report("vllm_jct", command, tables, _notes(rows))


def changes_table(pairs: Sequence[Compared]) -> Table:
    """What each policy changes against FCFS."""
    columns = [
        Column("policy", "policy"),
        Column("slots", "slots"),
        Column("load", "load", "{:g}"),
        Column("mean", "mean JCT, %"),
        Column("share", "of the oracle's, %"),
        Column("p50", "p50, %"),
        Column("p99", "p99, %"),
        Column("longest", "longest wait, %"),
    ]
    notes = [
        "Against vLLM's own FCFS with the same requests, seed by seed, ± half of the 95 % "
        f'confidence interval over the seeds. "{NO_QUEUE}": requests do not wait for a slot, so '
        "there is nothing to order and nothing is gained."
    ]
    rows = [_change_row(pair) for pair in pairs if pair.policy != "fcfs"]
    return Table("vllm_changes", "Against first come first served", columns, rows, notes)


def seconds_table(rows: Sequence[JctRow]) -> Table:
    """Times, means over the seeds."""
    columns = [
        Column("policy", "policy"),
        Column("slots", "slots"),
        Column("load", "load", "{:g}"),
        Column("mean_jct_s", "mean, s", "{:.2f}"),
        Column("p50_jct_s", "p50", "{:.2f}"),
        Column("p90_jct_s", "p90", "{:.2f}"),
        Column("p99_jct_s", "p99", "{:.2f}"),
        Column("mean_ttft_s", "TTFT", "{:.2f}"),
        Column("max_wait_s", "wait", "{:.2f}"),
    ]
    title = "Seconds from arrival to completion"
    notes = ["Means over the seeds. TTFT: mean to the first token; wait: the longest one."]
    return Table("vllm_seconds", title, columns, _mean_rows(rows), notes, detail=True)


def counts_table(rows: Sequence[JctRow]) -> Table:
    """What was made, and what went wrong; means over the seeds."""
    columns = [
        Column("policy", "policy"),
        Column("slots", "slots"),
        Column("load", "load", "{:g}"),
        Column("requests", "requests", "{:,.0f}"),
        Column("tokens_per_s", "tokens/s", "{:,.0f}"),
        Column("fallbacks", "fallbacks", "{:.1f}"),
        Column("failed", "failed", "{:.1f}"),
    ]
    notes = [
        "Means over the seeds. Tokens/s: from the first arrival to the last completion. Fallbacks: "
        "requests that the plugin ordered without a prediction; failed: without a complete answer."
    ]
    return Table("vllm_counts", "Counts", columns, _mean_rows(rows), notes, detail=True)


def _change_row(pair: Compared) -> Row:
    first = pair.rows[0]
    share = pair.share_of_oracle()
    return {
        "policy": pair.policy,
        "slots": first.slots,
        "load": first.load,
        "mean": _percent(pair.change(lambda row: row.mean_jct_s)),
        "share": _percent(share, "{:.0f}") if share else (None if pair.queues else NO_QUEUE),
        "p50": _percent(pair.change(lambda row: row.p50_jct_s)),
        "p99": _percent(pair.change(lambda row: row.p99_jct_s)),
        "longest": _percent(pair.change(lambda row: row.max_wait_s)),
    }


def _percent(interval: Interval, form: str = "{:+.0f}") -> str:
    half = interval.half_width
    scaled = Interval(100 * interval.mean, None if half is None else 100 * half)
    return scaled.text(form)


def _mean_rows(rows: Sequence[JctRow]) -> list[Row]:
    """One for each policy, number of slots and load."""
    places = dict.fromkeys((row.slots, row.load, row.policy) for row in rows)
    return [
        _mean_row([r for r in rows if (r.slots, r.load, r.policy) == place]) for place in places
    ]


def _mean_row(rows: Sequence[JctRow]) -> Row:
    first = rows[0]
    names = ("mean_jct_s", "p50_jct_s", "p90_jct_s", "p99_jct_s", "mean_ttft_s", "max_wait_s")
    counts = ("requests", "tokens_per_s", "fallbacks", "failed")
    means = {n: sum(getattr(row, n) for row in rows) / len(rows) for n in (*names, *counts)}
    return {"policy": first.policy, "slots": first.slots, "load": first.load, **means}


def _notes(rows: Sequence[JctRow]) -> list[str]:
    capacities = {row.slots: row.capacity_tokens_per_s for row in rows}
    paces = {row.slots: row.step_ms for row in rows if row.step_ms}
    counts = {row.slots: row.requests for row in rows}
    lag_s = max((row.max_lag_s for row in rows), default=0.0)
    seeds = len({row.seed for row in rows})
    notes = [
        "A real vLLM serves requests over HTTP; answers have their true lengths: the end of the "
        "text is forbidden before and forced there, and all requests carry one limit, so that "
        "nobody can read a length from it.",
        "Load 1 is what the engine makes with all slots taken: "
        + ", ".join(f"{c:,.0f} tokens/s at {n} slots" for n, c in capacities.items())
        + ". A load of 2 is a burst: the run ends before it could last.",
        f"Requests in a run: {', '.join(f'{c} at {n} slots' for n, c in counts.items())}; "
        f"{seeds} seeds. The client sent no request more than {1e3 * lag_s:.0f} ms late.",
    ]
    if any(row.ends == BY_STOP_STRING for row in rows):
        notes.append(
            "A stop string is what is forced: the API server finds it and has the engine core "
            "abort the request."
        )
    if paces:
        shown = ", ".join(f"{pace:g} ms at {n} slots" for n, pace in paces.items())
        notes.append(
            f"The engine's step is paced ({shown}): the tiny model's own is Python on a shared "
            "CPU, and its noise would be measured. All policies run at the same pace."
        )
    return notes
