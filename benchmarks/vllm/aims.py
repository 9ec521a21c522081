"""What `vllm_jct` is to reach."""

from collections.abc import Sequence

from benchmarks.harness.aims import Aim
from benchmarks.vllm.compare import Compared

SHORTEST = "lengthwise:shortest"
SHARES = {"lengthwise": 0.75, "lengthwise-scheduler": 0.85}
"""Of the oracle's gain: by the default rule, and with preemption on."""

BURST = 2.0


def vllm_aims(pairs: Sequence[Compared]) -> list[Aim]:
    """The aims that the runs can judge."""
    return [aim for pair in pairs for aim in _aims_of(pair)]


def _aims_of(pair: Compared) -> list[Aim]:
    row = pair.rows[0]
    where = f"{pair.policy}, {row.slots} slots, load {row.load:g}"
    if not pair.queues:
        return []
    if row.load == BURST and pair.policy == SHORTEST:
        change = pair.change(lambda row: row.mean_jct_s).mean
        return [Aim(f"mean JCT, {where}", change, at_most=-0.4, form="{:+.1%}")]
    if row.load == BURST and pair.policy in SHARES:
        return [*_share_aim(pair, where, SHARES[pair.policy]), *_tail_aims(pair, where)]
    return []


def _share_aim(pair: Compared, where: str, wanted: float) -> list[Aim]:
    share = pair.share_of_oracle()
    if share is None:
        return []
    return [Aim(f"of the oracle's gain, {where}", share.mean, at_least=wanted, form="{:.0%}")]


def _tail_aims(pair: Compared, where: str) -> list[Aim]:
    tail = 1 + pair.change(lambda row: row.p99_jct_s).mean
    longest = 1 + pair.change(lambda row: row.max_wait_s).mean
    return [
        Aim(f"p99 of FCFS's, {where}", tail, at_most=1.12, form="{:.2f}x"),
        Aim(f"longest wait of FCFS's, {where}", longest, at_most=1.2, form="{:.2f}x"),
    ]
