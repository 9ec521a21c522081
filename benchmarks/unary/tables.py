"""What unary calls cost, way by way."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from benchmarks.harness.aims import Aim, aims_table
from benchmarks.harness.report import Report
from benchmarks.harness.spread import Spread, ratio_spread
from benchmarks.harness.table import Column, Row, Table
from benchmarks.unary.callers import Answered

GRPC_ALONE = "gRPC alone"
BASELINE = "baseline"
NOW = "now"
COALESCED = "now, coalesced"
UNIX = "now, Unix socket"

AIM_CALLS_PER_CORE_S = 3_000
"""Unary calls that a core of the service answers in a second, the encoder left out."""

AIM_RATE = 3.0
"""Unary calls a second of 32 callers, over the baseline's."""


class Way(NamedTuple):
    """How a pass was asked: the server and the client, and how many tasks ask at once."""

    name: str
    callers: int


Rounds = Sequence[Mapping[Way, Answered]]


AIM_MEMORY = 0.8
"""Of the baseline's service, at most."""


def unary_report(
    command: str, found: Mapping[bool, Rounds], peaks_mib: Mapping[str, float]
) -> Report:
    """A table with the encoder free and one with the real one, if it was asked.

    Args:
        command: That the figures were made by.
        found: What was answered, with the encoder free (True) and with the real one.
        peaks_mib: The most that each service with the real encoder held.
    """
    free = found[True]
    tables = [_table("free", "Unary calls with the encoder free", free)]
    if False in found:
        tables.append(_table("real", "Unary calls with the real encoder", found[False]))
        tables.append(_memory_table(peaks_mib))
    notes = [
        f"{len(free)} rounds in turns; median, and the range over the rounds; ratios round by "
        "round. Callers are tasks of one process with one client, each asking its next prompt once "
        "it has its answer; they share the cores with the services.",
        f"{GRPC_ALONE}: gRPC's own asyncio server, which answers every call with the same message "
        "at once: the least that a service in Python can take.",
    ]
    return Report("unary", command, [*tables, aims_table(_aims(found, peaks_mib))], notes)


def _table(name: str, title: str, rounds: Rounds) -> Table:
    has_baseline = any(way.name == BASELINE for way in rounds[0])
    columns = [
        Column("callers", "callers"),
        Column("way", "service and client"),
        Column("rate", "calls/s", "{:,.0f}", with_range=True),
        Column("p50_ms", "p50, ms", "{:.2f}"),
        Column("service_us", "service CPU, us/call", "{:.0f}", with_range=True),
        Column("client_us", "client CPU, us/call", "{:.0f}", with_range=True),
    ]
    if has_baseline:
        columns += [
            Column("rate_ratio", "calls/s over baseline", "{:.2f}", with_range=True),
            Column("cpu_ratio", "service CPU of baseline", "{:.2f}", with_range=True),
        ]
    return Table(name, title, columns, [_row(rounds, way) for way in rounds[0]])


def _memory_table(peaks_mib: Mapping[str, float]) -> Table:
    columns = [Column("way", "service"), Column("peak", "the most that it held, MiB", "{:,.0f}")]
    rows: list[Row] = [{"way": name, "peak": mib} for name, mib in peaks_mib.items()]
    note = "From its start to the end of the rounds, resident, mapped files included."
    return Table("memory", "Memory of the services with the real encoder", columns, rows, (note,))


def _row(rounds: Rounds, way: Way) -> Row:
    row: Row = {"callers": way.callers, "way": way.name}
    for key in ("rate", "p50_ms", "service_us", "client_us"):
        row[key] = Spread.from_values([getattr(found[way], key) for found in rounds])
    if way.name not in (BASELINE, GRPC_ALONE):
        row["rate_ratio"] = _ratio(rounds, way, lambda one: one.rate)
        row["cpu_ratio"] = _ratio(rounds, way, lambda one: one.service_us)
    return row


def _ratio(rounds: Rounds, way: Way, value: Callable[[Answered], float]) -> Spread | None:
    base = Way(BASELINE, way.callers)
    if base not in rounds[0]:
        return None
    return ratio_spread(
        [value(found[way]) for found in rounds], [value(found[base]) for found in rounds]
    )


def _aims(found: Mapping[bool, Rounds], peaks_mib: Mapping[str, float]) -> list[Aim]:
    free = found[True]
    aims = [
        Aim(
            f"calls that a core of the service answers in a second, {name}",
            Spread.from_values([1e6 / one[Way(name, 32)].service_us for one in free]),
            at_least=AIM_CALLS_PER_CORE_S,
            form="{:,.0f}",
        )
        for name in (NOW, COALESCED)
    ]
    for is_free, rounds in found.items():
        for name in (NOW, COALESCED):
            ratio = _ratio(rounds, Way(name, 32), lambda one: one.rate)
            if ratio is not None:
                encoder = "free" if is_free else "real"
                what = f"calls/s of 32 callers over the baseline's, {name}, encoder {encoder}"
                aims.append(Aim(what, ratio, at_least=AIM_RATE))
    if BASELINE in peaks_mib:
        share = peaks_mib[NOW] / peaks_mib[BASELINE]
        aims.append(Aim("memory of the service over the baseline's", share, at_most=AIM_MEMORY))
    return aims
