"""What the days gave, beside each other, and what the autoscaler did when."""

from collections.abc import Sequence

from benchmarks.autoscaler_loop.arms import ARMS, FOLLOWED, Day
from benchmarks.autoscaler_loop.fleet import ITL_S, TTFT_S
from benchmarks.autoscaler_loop.replica import Replica
from benchmarks.harness.aims import Aim, aims_table
from benchmarks.harness.spread import Spread, percentile
from benchmarks.harness.table import Column, Row, Table
from testbed.replay import Outcome


def ttft_kept(outcome: Outcome) -> bool:
    """Whether its first token came in time."""
    return not outcome.failed and outcome.first_token_after_s <= TTFT_S


def itl_kept(outcome: Outcome) -> bool:
    """Whether its tokens came fast enough, on average."""
    return not outcome.failed and itl_s(outcome) <= ITL_S


def itl_s(outcome: Outcome) -> float:
    """Mean seconds between the tokens of an answer that is complete."""
    first_s = outcome.finished_s if outcome.first_token_s is None else outcome.first_token_s
    return (outcome.finished_s - first_s) / max(1, outcome.output_tokens - 1)


def attainment(day: Day) -> float:
    """Share of the requests that kept both promises."""
    kept = [ttft_kept(outcome) and itl_kept(outcome) for outcome in day.outcomes]
    return sum(kept) / len(kept)


def failed(day: Day) -> int:
    """Requests that got no answer, or not the one that they asked for."""
    return sum(outcome.failed for outcome in day.outcomes)


def report_tables(days: Sequence[Day]) -> list[Table]:
    """The aims, the days side by side, and the autoscaler's actions."""
    return [_aims(days), _days(days), _actions(days)]


def _aims(days: Sequence[Day]) -> Table:
    followed = [day for day in days if day.arm == FOLLOWED]
    drained = [replica for day in followed for replica in _drained(day)]
    aims = [
        Aim(
            "requests that failed, in all days",
            sum(map(failed, days)),
            at_most=0,
            form="{:.0f}",
        ),
        Aim(
            f"requests that failed in the {len(drained)} engines that drained",
            sum(replica.failed_while_draining for replica in drained),
            at_most=0,
            form="{:.0f}",
        ),
    ]
    return aims_table(aims)


def _days(days: Sequence[Day]) -> Table:
    rows: list[Row] = []
    for arm in ARMS:
        of_arm = [day for day in days if day.arm == arm]
        if of_arm:
            rows.append({"arm": arm, **_figures(of_arm)})
    columns = (
        Column("arm", "engines"),
        Column("attained", "both kept, %", "{:.1f}", with_range=True),
        Column("ttft", "TTFT kept, %", "{:.1f}"),
        Column("itl", "ITL kept, %", "{:.1f}"),
        Column("p99_ttft_s", "p99 TTFT, s", "{:.1f}"),
        Column("instance_minutes", "instance minutes", "{:.1f}", with_range=True),
        Column("failed", "failed", "{:.0f}"),
        Column("actions", "scaling actions", "{:.0f}"),
    )
    return Table(
        "days",
        "The same requests, served by fixed numbers of engines and by the loop",
        columns,
        rows,
    )


def _figures(days: Sequence[Day]) -> Row:
    def percent(kept: Sequence[Sequence[bool]]) -> Spread:
        return Spread.from_values([100 * sum(of_day) / len(of_day) for of_day in kept])

    waits_s = [[outcome.first_token_after_s for outcome in day.outcomes] for day in days]
    return {
        "attained": Spread.from_values([100 * attainment(day) for day in days]),
        "ttft": percent([[ttft_kept(outcome) for outcome in day.outcomes] for day in days]),
        "itl": percent([[itl_kept(outcome) for outcome in day.outcomes] for day in days]),
        "p99_ttft_s": Spread.from_values([percentile(of_day, 0.99) for of_day in waits_s]),
        "instance_minutes": Spread.from_values([day.instance_s / 60 for day in days]),
        "failed": Spread.from_values([failed(day) for day in days]),
        "actions": Spread.from_values([len(day.actions) for day in days]),
        "requests": Spread.from_values([len(day.outcomes) for day in days]),
        "errors": sum(len(day.errors) for day in days),
    }


def _actions(days: Sequence[Day]) -> Table:
    rows: list[Row] = []
    for number, day in enumerate(day for day in days if day.arm == FOLLOWED):
        for action in day.actions:
            started = [one for one in day.replicas if one.asked_s == action.at_s]
            stopped = [one for one in day.replicas if one.draining_s == action.at_s]
            rows.append(
                {
                    "day": number,
                    "at_s": action.at_s,
                    "change": f"{action.before} to {action.after}",
                    "start_s": max((_start_s(one) for one in started), default=None),
                    "drain_s": max((day.end_s(one) - action.at_s for one in stopped), default=None),
                    "held": sum(one.held_at_drain for one in stopped) if stopped else None,
                }
            )
    columns = (
        Column("day", "day"),
        Column("at_s", "at, s", "{:.0f}"),
        Column("change", "engines"),
        Column("start_s", "served after, s", "{:.0f}"),
        Column("drain_s", "ended after, s", "{:.0f}"),
        Column("held", "requests that it still answered", "{:.0f}"),
    )
    return Table("actions", "What the autoscaler did", columns, rows)


def _start_s(replica: Replica) -> float:
    return (replica.ready_s or replica.asked_s) - replica.asked_s


def _drained(day: Day) -> list[Replica]:
    return [replica for replica in day.replicas if replica.draining_s is not None]
