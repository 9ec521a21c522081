"""The tables of `service_load`, and what it is to reach."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.harness.aims import Aim
from benchmarks.harness.raw_encoder import Timed
from benchmarks.harness.spread import Spread, ratio_spread
from benchmarks.harness.table import Column, Row, Table
from benchmarks.service_load.job import LoadResult
from benchmarks.service_load.measure import ServicePass

PeerPairs = dict[str, list[tuple[LoadResult, LoadResult]]]
"""Way of asking to passes of the service and of the peer, side by side."""

LATENCIES = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}


def service_table(asked: Sequence[ServicePass]) -> Table:
    """Rate and latency of every way of asking, beside the encoder alone."""
    columns = [
        Column("asked", "asked by"),
        Column("rate", "predictions/s", "{:,.0f}"),
        Column("of_raw_rate", "of the encoder's", "{:.2f}", with_range=True),
        *(Column(key, key.replace("_ms", ", ms"), "{:.1f}") for key in LATENCIES),
    ]
    notes = [
        "Of the encoder's: rate over that of the same encoder alone over the same prompts, in its "
        "fastest size of call. Latency is a message's, whatever it holds."
    ]
    rows = [_service_row(name, group) for name, group in _grouped(asked).items()]
    return Table("service", "The service beside the encoder alone", columns, rows, notes)


def cost_table(asked: Sequence[ServicePass]) -> Table:
    """CPU time of every way of asking, beside the encoder alone."""
    columns = [
        Column("asked", "asked by"),
        Column("cpu_s_per_1000", "service", "{:.2f}"),
        Column("raw_cpu_s_per_1000", "encoder", "{:.2f}"),
        Column("of_raw_cpu", "ratio", "{:.2f}", with_range=True),
        Column("generator_cpu_s_per_1000", "asker", "{:.2f}"),
        Column("mean_batch", "micro-batch", "{:.1f}"),
    ]
    keys = {"asked", "processes", *(column.key for column in columns)}
    rows = [
        {key: value for key, value in _service_row(name, group).items() if key in keys}
        for name, group in _grouped(asked).items()
    ]
    notes = [
        "Encoder: alone, in its fastest size of call. Asker: the load generator. Micro-batch: "
        "prompts in one, on average."
    ]
    return Table("cost", "CPU seconds per 1,000 predictions", columns, rows, notes)


def _grouped(asked: Sequence[ServicePass]) -> dict[str, list[ServicePass]]:
    groups: dict[str, list[ServicePass]] = {}
    for one in asked:
        groups.setdefault(one.name, []).append(one)
    return groups


def _service_row(name: str, group: Sequence[ServicePass]) -> Row:
    def spread(value: Callable[[ServicePass], float]) -> Spread:
        return Spread.from_values([value(one) for one in group])

    return {
        "asked": name,
        "processes": group[0].processes,
        **group[0].job.to_dict(),
        "rate": spread(lambda a: a.result.rate),
        "raw_rate": spread(lambda a: a.raw.rate),
        "of_raw_rate": spread(lambda a: a.of_raw_rate),
        **{
            key: Spread.from_values([one.result.latency_ms(share) for one in group])
            for key, share in LATENCIES.items()
        },
        "cpu_s_per_1000": spread(lambda a: a.cpu_s_per_1000),
        "raw_cpu_s_per_1000": spread(lambda a: a.raw.cpu_s_per_1000),
        "of_raw_cpu": spread(lambda a: a.of_raw_cpu),
        "generator_cpu_s_per_1000": spread(
            lambda a: 1_000 * a.result.generator_cpu_s / a.result.predictions
        ),
        "mean_batch": spread(lambda a: a.result.mean_batch),
    }


def single_table(pairs: Sequence[tuple[float, float]]) -> Table:
    """One caller, beside one prompt through the encoder alone."""
    row: Row = {
        "what": "p50 of one prompt",
        "service_ms": Spread.from_values([ours for ours, _ in pairs]),
        "raw_ms": Spread.from_values([raw for _, raw in pairs]),
        "over_ms": Spread.from_values([ours - raw for ours, raw in pairs]),
    }
    columns = [
        Column("what", ""),
        Column("service_ms", "service, ms", "{:.2f}"),
        Column("raw_ms", "encoder alone, ms", "{:.2f}"),
        Column("over_ms", "over it, ms", "{:.2f}", with_range=True),
    ]
    return Table("single", "One caller", columns, [row])


def peer_table(pairs: PeerPairs) -> Table:
    """The service beside a peer that only embeds."""
    columns = [
        Column("asked", "asked by"),
        Column("rate", "Lengthwise, pred/s", "{:,.0f}"),
        Column("peer_rate", "infinity-emb, embeddings/s", "{:,.0f}"),
        Column("of_peer", "ratio", "{:.1f}", with_range=True),
        Column("p50_ms", "p50, ms", "{:.1f}"),
        Column("peer_p50_ms", "its p50, ms", "{:.1f}"),
    ]
    rows: list[Row] = [
        {
            "asked": name,
            "rate": Spread.from_values([ours.rate for ours, _ in group]),
            "peer_rate": Spread.from_values([theirs.rate for _, theirs in group]),
            "of_peer": ratio_spread([a.rate for a, _ in group], [b.rate for _, b in group]),
            "p50_ms": Spread.from_values([ours.latency_ms(0.5) for ours, _ in group]),
            "peer_p50_ms": Spread.from_values([theirs.latency_ms(0.5) for _, theirs in group]),
        }
        for name, group in pairs.items()
    ]
    notes = [
        "infinity-emb 0.0.78 serves the default encoder over HTTP in its fastest settings "
        "(bfloat16, batches of 32) and only embeds; Lengthwise embeds, searches and estimates."
    ]
    return Table("peer", "The service beside a peer", columns, rows, notes)


def encoder_table(chunks: Mapping[str, Sequence[Timed]]) -> Table:
    """The encoder alone, by size of call."""
    columns = [
        Column("how", "the encoder alone"),
        Column("rate", "prompts/s", "{:,.0f}", with_range=True),
        Column("cpu_s_per_1000", "CPU s per 1,000", "{:.2f}"),
    ]
    rows: list[dict[str, Any]] = [
        {
            "how": how,
            "rate": Spread.from_values([t.rate for t in passes]),
            "cpu_s_per_1000": Spread.from_values([t.cpu_s_per_1000 for t in passes]),
        }
        for how, passes in chunks.items()
    ]
    title = "The raw encoder, by prompts in a call"
    return Table("encoder_alone", title, columns, rows, detail=True)


def service_aims(
    asked: Sequence[ServicePass], singles: Sequence[tuple[float, float]], peers: PeerPairs
) -> list[Aim]:
    """The aims of the service; those of one process, since the encoder alone is one too."""
    single = [one for one in asked if one.processes == 1]
    bulk = [a for a in single if a.job.kind in ("stream", "batch") and a.job.per_message > 1]
    unary = [a for a in single if a.job.kind == "unary" and a.job.callers >= 32]
    aims = [
        *(Aim(f"rate of the raw encoder's, {a}", r, at_least=0.9) for a, r in _rates(bulk)),
        *(Aim(f"rate of the raw encoder's, {a}", r, at_least=0.7) for a, r in _rates(unary)),
        *(
            Aim(f"CPU time of the raw encoder's, {a}", r, at_most=1.15)
            for a, r in _cpu([a for a in bulk if a.job.kind == "stream"])
        ),
        *(Aim(f"CPU time of the raw encoder's, {a}", r, at_most=1.4) for a, r in _cpu(unary)),
    ]
    if singles:
        over = Spread.from_values([ours - raw for ours, raw in singles])
        aims.append(Aim("p50 at one caller over the raw encode", over, at_most=2, form="{:.2f} ms"))
    if peers:
        for name, pairs in peers.items():
            if name.startswith("32 callers"):
                rate = ratio_spread([a.rate for a, _ in pairs], [b.rate for _, b in pairs])
                aims.append(Aim(f"rate of the peer's, {name}", rate, at_least=6, form="{:.1f}x"))
    return aims


def _by_name(asked: list[ServicePass]) -> dict[str, list[ServicePass]]:
    found: dict[str, list[ServicePass]] = {}
    for one in asked:
        found.setdefault(one.name, []).append(one)
    return found


def _rates(asked: list[ServicePass]) -> list[tuple[str, Spread]]:
    return [(n, Spread.from_values([a.of_raw_rate for a in g])) for n, g in _by_name(asked).items()]


def _cpu(asked: list[ServicePass]) -> list[tuple[str, Spread]]:
    return [(n, Spread.from_values([a.of_raw_cpu for a in g])) for n, g in _by_name(asked).items()]
