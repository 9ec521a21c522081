"""The tables of `conversation_text`."""

from collections.abc import Mapping, Sequence

from benchmarks.conversation_text.pairs import REPEAT_NEARNESS, PairResult
from benchmarks.harness.aims import Aim, aims_table
from benchmarks.harness.report import Report
from benchmarks.harness.spread import Spread
from benchmarks.harness.table import Column, Row, Table

MAX_TAU_B_APART = 0.005
"""Between any two ways in, indexed or asked."""

MIN_REPEATS_FOUND = 0.99
"""Of indexed chats asked again. Not all: near twins with other answers may crowd a chat out."""


def conversation_report(command: str, chats: int, found: Sequence[PairResult]) -> Report:
    """What was found, pair by pair, over all splits.

    Args:
        command: The command line that measured it.
        chats: How many were split into indexed and held-out ones.
        found: One result for each pair of ways in and each split.
    """
    pairs = list(dict.fromkeys((one.indexed, one.asked) for one in found))
    same_way = {(one.seed, one.indexed): one.tau_b for one in found if one.indexed == one.asked}
    rows = [
        _row([one for one in found if (one.indexed, one.asked) == pair], same_way) for pair in pairs
    ]
    notes = [
        f"{chats:,} chats, frozen encoder. A fifth of the conversations is held out, another fifth "
        "in each round; tau-b and MAE are of those. Repeats are the indexed chats, asked again: "
        f"found means a neighbour of the same length at a cosine of at least {REPEAT_NEARNESS:g}.",
        "history, service: a chat's messages. middleware: the body of a call. plugin: what a chat "
        "template rendered, less its special tokens. Each makes the canonical text of it.",
    ]
    columns = [
        Column("indexed", "indexed by"),
        Column("asked", "asked by"),
        Column("tau_b", "tau-b", "{:.3f}"),
        Column("tau_b_loss", "lost", "{:.3f}"),
        Column("mae_tokens", "MAE", "{:.1f}"),
        Column("repeats_found", "repeats found", "{:.1%}"),
        Column("repeats_mae_tokens", "their MAE", "{:.1f}"),
    ]
    lost = "Lost: tau-b below that of asking the way that was indexed, median of the rounds."
    table = Table("pairs", "Chats indexed by one way in, asked by another", columns, rows, [lost])
    return Report("conversation_text", command, [table, aims_table(_aims(found))], notes)


def _row(rounds: Sequence[PairResult], same_way: Mapping[tuple[int, str], float]) -> Row:
    """One pair of ways in, over all splits."""
    losses = [same_way[one.seed, one.indexed] - one.tau_b for one in rounds]
    return {
        "indexed": rounds[0].indexed,
        "asked": rounds[0].asked,
        "tau_b": Spread.from_values([one.tau_b for one in rounds]),
        "tau_b_loss": Spread.from_values(losses),
        "mae_tokens": Spread.from_values([one.mae_tokens for one in rounds]),
        "repeats_found": Spread.from_values([one.repeats_found for one in rounds]),
        "repeats_mae_tokens": Spread.from_values([one.repeats_mae_tokens for one in rounds]),
    }


def _aims(found: Sequence[PairResult]) -> list[Aim]:
    """What one canonical text is to bring; judged by the worst pair of each split."""
    seeds = dict.fromkeys(one.seed for one in found)
    by_split = [[one for one in found if one.seed == seed] for seed in seeds]
    apart = [max(o.tau_b for o in one) - min(o.tau_b for o in one) for one in by_split]
    repeats = [min(o.repeats_found for o in one) for one in by_split]
    return [
        Aim(
            "tau-b apart, any two pairs",
            Spread.from_values(apart),
            at_most=MAX_TAU_B_APART,
            form="{:.3f}",
        ),
        Aim(
            "repeats found, worst pair",
            Spread.from_values(repeats),
            at_least=MIN_REPEATS_FOUND,
            form="{:.1%}",
        ),
    ]
