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
    """

    places: IntVector
    dropped: dict[str, int]


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
    for place in range(len(models) - 1, -1, -1):
        model, prompt, caller = models[place], (models[place], prompts[place]), callers[place]
        if caps.of_prompt and of_prompt[prompt] == caps.of_prompt:
            dropped["repeated prompts"] += 1
        elif caps.of_model and of_model[model] == caps.of_model:
            dropped["rows of one LLM"] += 1
        elif caller and of_caller[caller] == most_of_caller:
            dropped["rows of one caller"] += 1
        elif caps.rows and len(kept) == caps.rows:
            dropped["old rows"] += 1
        else:
            of_prompt[prompt] += 1
            of_model[model] += 1
            of_caller[caller] += 1
            kept.append(place)
    return Kept(np.array(kept[::-1], np.int64), dict(dropped))


def within_caps(rows: VectorRows, caps: Caps) -> tuple[VectorRows, dict[str, int]]:
    """The rows that stay, and how many go beyond which cap.

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
    return (rows.take(kept.places) if kept.dropped else rows), kept.dropped
