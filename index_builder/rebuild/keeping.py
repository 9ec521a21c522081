"""Which rows stay: the newest within every cap."""

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from index_builder.rebuild.options import RebuildOptions
from index_builder.rebuild.vector_rows import VectorRows
from lengthwise.index.arrays import IntVector
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.repeats.repeat_runs import table_of_rows
from lengthwise.index.repeats.repeat_table import RepeatTable

MIN_ROWS = 20
"""As in a build: fewer rows are no history."""


@dataclass(frozen=True, slots=True)
class Caps:
    """How many rows may stay; 0 for any number.

    Args:
        rows: Rows in all, whatever LLM answered.
        of_model: Rows of each LLM, whatever the prompt.
        of_prompt: Rows of one prompt answered by one LLM.
        caller_share: Share of all rows that one caller's may be, of callers that are known; 1 for
            any.
    """

    rows: int
    of_model: int
    of_prompt: int
    caller_share: float = 1.0

    @classmethod
    def from_options(cls, options: RebuildOptions) -> "Caps":
        """The caps that a rebuild is asked to keep."""
        return cls(
            options.keep_rows,
            options.max_rows_per_model,
            options.max_duplicates,
            options.max_caller_share,
        )


@dataclass(frozen=True, slots=True)
class Kept:
    """Which rows stay, and why others go.

    Args:
        places: Of those that stay, ascending.
        dropped: How many go, by the cap that they are beyond.
        aged: Places of those that go for being old, ascending: what they say of their very prompts
            still counts. It does not beyond a cap on one prompt, of which newer rows stay, or on
            one caller, whose lengths would come in by another door.
    """

    places: IntVector
    dropped: dict[str, int]
    aged: IntVector


def choose(
    models: Sequence[str], prompts: Sequence[Hashable], callers: Sequence[str], caps: Caps
) -> Kept:
    """Go from the newest row to the oldest and keep each that no cap forbids.

    Args:
        models: The LLM of each row, oldest row first.
        prompts: What tells its prompt from others.
        callers: Who reported it; "" where that is not known.
        caps: How many rows may stay, in all and of each kind.
    """
    most_of_caller = math.ceil(caps.caller_share * min(len(models), caps.rows or len(models)))
    of_caller: Counter[str] = Counter()
    of_model: Counter[str] = Counter()
    of_prompt: Counter[Hashable] = Counter()
    dropped: Counter[str] = Counter()
    kept: list[int] = []
    aged: list[int] = []
    for place in range(len(models) - 1, -1, -1):
        model, prompt, caller = models[place], (models[place], prompts[place]), callers[place]
        if caps.of_prompt and of_prompt[prompt] == caps.of_prompt:
            dropped["repeated prompts"] += 1
        elif caps.of_model and of_model[model] == caps.of_model:
            dropped["rows of one LLM"] += 1
            aged.append(place)
        elif caller and of_caller[caller] == most_of_caller:
            dropped["rows of one caller"] += 1
        elif caps.rows and len(kept) == caps.rows:
            dropped["old rows"] += 1
            aged.append(place)
        else:
            of_prompt[prompt] += 1
            of_model[model] += 1
            of_caller[caller] += 1
            kept.append(place)
    return Kept(np.array(kept[::-1], np.int64), dict(dropped), np.array(aged[::-1], np.int64))


@dataclass(frozen=True, slots=True)
class WithinCaps:
    """What a version is made of.

    Args:
        rows: Those that stay, with their vectors, oldest first.
        dropped: How many go, by the cap that they are beyond.
        aged: Lengths of those that go for being old.
    """

    rows: VectorRows
    dropped: dict[str, int]
    aged: RepeatTable


def within_caps(rows: VectorRows, caps: Caps) -> WithinCaps:
    """The rows that stay, how many go beyond which cap, and what is left of those.

    Raises:
        InvalidInputError: Too few stay to predict from.
    """
    prompts: list[Hashable] = rows.rows.prompt_codes.tolist()
    for place in np.flatnonzero(~rows.with_text).tolist():
        # In 16 bits, as they are stored: a prompt that comes twice has the same vector twice.
        prompts[place] = rows.vectors[place].astype(np.float16).tobytes()
    kept = choose(rows.models, prompts, rows.rows.callers, caps)
    if len(kept.places) < MIN_ROWS:
        raise InvalidInputError(
            f"{len(kept.places)} rows would be left: expected at least {MIN_ROWS} to predict from"
        )
    staying = rows.take(kept.places) if kept.dropped else rows
    return WithinCaps(staying, kept.dropped, table_of_rows(rows.rows, kept.aged))
