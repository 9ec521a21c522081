"""What `vllm_jct` is to reach."""

from collections.abc import Sequence

from benchmarks.harness.aims import Aim
from benchmarks.vllm.compare import Compared

SHORTEST = "lengthwise:shortest"
SCHEDULER = "lengthwise-scheduler"
BURST = 2.0
CALM = 0.9


def vllm_aims(pairs: Sequence[Compared]) -> list[Aim]:
    """The aims that the runs can judge."""
    return [aim for pair in pairs for aim in _aims_of(pair)]


def _aims_of(pair: Compared) -> list[Aim]:
    row = pair.rows[0]
    where = f"{pair.policy}, {row.slots} slots, load {row.load:g}"
    if not pair.queues:
        return []
    if pair.policy == SHORTEST:
        return [*_mean_aims(pair, where), *_share_aim(pair, where, 0.88)]
    if pair.policy == "lengthwise" and (row.load <= CALM or row.load == BURST):
        return [*_share_aim(pair, where, 0.8), *_tail_aims(pair, where, 1.12)]
    if pair.policy == SCHEDULER:
        return [*_share_aim(pair, where, 0.9), *_tail_aims(pair, where, 1.1)]
    return []


def _mean_aims(pair: Compared, where: str) -> list[Aim]:
    row = pair.rows[0]
    wanted = {(8, BURST): -0.42, (1, 1.5): -0.55}.get((row.slots, row.load))
    if wanted is None:
        return []
    change = pair.change(lambda row: row.mean_jct_s).mean
    return [Aim(f"mean JCT, {where}", change, at_most=wanted, form="{:+.1%}")]


def _share_aim(pair: Compared, where: str, wanted: float) -> list[Aim]:
    share = pair.share_of_oracle()
    if share is None:
        return []
    return [Aim(f"of the oracle's gain, {where}", share.mean, at_least=wanted, form="{:.0%}")]


def _tail_aims(pair: Compared, where: str, p99: float) -> list[Aim]:
    tail = 1 + pair.change(lambda row: row.p99_jct_s).mean
    longest = 1 + pair.change(lambda row: row.max_wait_s).mean
    return [
        Aim(f"p99 of FCFS's, {where}", tail, at_most=p99, form="{:.2f}x"),
        Aim(f"longest wait of FCFS's, {where}", longest, at_most=1.2, form="{:.2f}x"),
    ]
