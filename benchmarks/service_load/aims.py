"""What `service_load` is to reach."""

from collections.abc import Sequence

from benchmarks.harness.aims import Aim
from benchmarks.harness.spread import Spread, ratio_spread
from benchmarks.service_load.measure import ServicePass
from benchmarks.service_load.tables import PeerPairs


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
        pairs = peers["32 callers"]
        rate = ratio_spread([a.rate for a, _ in pairs], [b.rate for _, b in pairs])
        aims.append(Aim("rate of the peer's, 32 callers", rate, at_least=4, form="{:.1f}x"))
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
