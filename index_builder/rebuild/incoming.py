"""What is new in the history: which of it can be used, and what of that is held out."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Self

import numpy as np
import pyarrow as pa

from lengthwise.history.database.completion import StoredCompletion
from lengthwise.index.arrays import BoolVector, FloatVector, IntVector
from lengthwise.index.errors import EncoderError, InvalidInputError
from lengthwise.index.record import RowKey
from lengthwise.index.search.rows import SCHEMA, HistoryRows, columns_to_table
from lengthwise.index.store.manifest import EncoderIdentity
from lengthwise.model_contexts import NOT_KNOWN, ModelContexts

READ_ROWS = 4_096
"""Completions looked at together: one question to the live version about their ids."""

ALREADY_THERE = "in the index already"
"""Why a completion is left out, as an outcome tells it: this and the next three."""

OTHER_VECTORS = "stored without text, as vectors of another encoder"
"""It could be neither encoded anew nor compared."""

NOT_TRAINABLE = "stored without text, which a training needs"
"""Its vector would be of the space before the training."""

UNUSABLE = "unusable as a row"
"""An index refuses it: a length or a condition is out of range."""

UNWANTED_CALLER = "of a caller that is left out"
"""Why a completion is left out, as an outcome tells it."""

MAX_HELD_OUT_SHARE = 1 / 4
"""Of the new rows that ended by themselves: the others are what a candidate is made from."""

MIN_HELD_OUT = 10
"""What is held out at least: of fewer, resampling hardly sees how much is luck, of one nothing."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """New rows, oldest first.

    Args:
        rows: Columns of the usable ones.
        vectors: By place, where the history holds the vector and not the text.
        left_out: How many are not among them, by reason.
    """

    rows: HistoryRows
    vectors: dict[int, FloatVector]
    left_out: dict[str, int]


class IncomingReader:
    """Sorts completions into those that can be used and others.

    Args:
        encoder: The one whose vectors the index is to hold.
        held: Gives those of some keys that the live version has.
        training: The encoder is to be trained anew, for which only texts are of use.
        left_out_callers: Whose completions are not taken.
        contexts: Of the LLMs: a longer length is cut to its LLM's.
    """

    def __init__(
        self,
        encoder: EncoderIdentity,
        held: Callable[[Collection[RowKey]], Collection[RowKey]],
        *,
        training: bool,
        left_out_callers: Collection[str] = (),
        contexts: ModelContexts = NOT_KNOWN,
    ) -> None:
        self._encoder = encoder
        self._held = held
        self._training = training
        self._left_out_callers = left_out_callers
        self._contexts = contexts
        self._tables: list[pa.Table] = [SCHEMA.empty_table()]
        self._vectors: dict[int, FloatVector] = {}
        self._rows = 0
        self._left_out: Counter[str] = Counter()

    def read(self, completions: Iterable[StoredCompletion]) -> Incoming:
        """Go through completions, in order."""
        for chunk in _chunks(completions):
            held = self._held([completion.key for completion in chunk])
            self._take([c for c in chunk if not self._leaves_out(c, held)])
        return Incoming(
            HistoryRows(pa.concat_tables(self._tables)), self._vectors, dict(self._left_out)
        )

    def _leaves_out(self, completion: StoredCompletion, held: Collection[RowKey]) -> bool:
        reason = ALREADY_THERE if completion.key in held else self._fault(completion)
        if reason:
            self._left_out[reason] += 1
        return bool(reason)

    def _fault(self, completion: StoredCompletion) -> str:
        """Why a completion cannot be used; "" if it can."""
        if completion.caller in self._left_out_callers:
            return UNWANTED_CALLER
        if completion.prompt is not None:
            try:
                _ = completion.record
            except InvalidInputError:
                return UNUSABLE
            return ""
        if self._training:
            return NOT_TRAINABLE
        vector = completion.vector
        if vector is None or len(vector) != self._encoder.dimension:
            return OTHER_VECTORS
        same = completion.encoder_hash == self._encoder.content_hash
        return "" if same else OTHER_VECTORS

    def _take(self, usable: list[StoredCompletion]) -> None:
        columns = [
            [c.request_id for c in usable],
            [c.model for c in usable],
            [self._contexts.capped(c.model, c.output_tokens) for c in usable],
            [c.finish_reason == "length" for c in usable],
            [""] * len(usable),
            [c.prompt or "" for c in usable],
            [c.stored_unix_s for c in usable],
            [c.temperature for c in usable],
            [c.caller for c in usable],
        ]
        self._tables.append(columns_to_table(columns))
        for place, completion in enumerate(usable, self._rows):
            if completion.vector is not None:
                self._vectors[place] = completion.vector
        self._rows += len(usable)


def _chunks(completions: Iterable[StoredCompletion]) -> Iterator[list[StoredCompletion]]:
    left = iter(completions)
    while chunk := list(islice(left, READ_ROWS)):
        yield chunk


@dataclass(frozen=True, slots=True)
class TimeSplit:
    """New rows by time: what a candidate is made from, and what it is asked about.

    Args:
        held_out: Places of the newest whose true length is known, ascending, at least one.
    """

    held_out: IntVector

    @staticmethod
    def lacking(censored: BoolVector) -> str:
        """Why none of some new rows can be held out; "" if some can."""
        ended, wanted = int(np.count_nonzero(~censored)), round(MIN_HELD_OUT / MAX_HELD_OUT_SHARE)
        if ended >= wanted:
            return ""
        return (
            f"{ended} of them ended by themselves, all others were cut off: expected at least "
            f"{wanted}, since versions are compared on such rows alone"
        )

    @classmethod
    def from_newest_ended(cls, censored: BoolVector, at_most: int) -> Self | None:
        """Hold out the newest rows that ended by themselves, never more than a quarter of those.

        Args:
            censored: Shape (new rows,), oldest first: the true length was longer.
            at_most: Rows that are held out at most.

        Returns:
            None where there are too few to hold any out.
        """
        ended = np.flatnonzero(~censored)
        count = min(at_most, int(len(ended) * MAX_HELD_OUT_SHARE))
        return cls(ended[len(ended) - count :]) if count >= MIN_HELD_OUT else None

    def among(self, finite: BoolVector) -> Self:
        """The same without rows that got no vector: none that was held out becomes an earlier one.

        Args:
            finite: Shape (new rows,): which stay.

        Raises:
            EncoderError: None that was held out does, and nothing may go in without a comparison.
        """
        held_out = self.held_out[finite[self.held_out]]
        if not len(held_out):
            raise EncoderError(
                f"the encoder gave a finite vector for none of the newest {len(self.held_out):,} "
                "rows that versions are compared on: expected one for each"
            )
        return type(self)((np.cumsum(finite) - 1)[held_out])

    @property
    def earlier(self) -> IntVector:
        """Places of all rows before the first that is held out."""
        return np.arange(self.held_out[0])
