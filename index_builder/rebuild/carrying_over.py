"""Brings a trained encoder to the version that became current while it was trained.

A training takes hours, and the rounds that publish meanwhile would have it dropped each time. What
they took in was compared and is kept as it is: the same rows, in the space of the trained encoder.
Nothing is read of the history, so what is new there is the next round's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from index_builder.rebuild.candidate import Recipe, not_trained_on
from index_builder.rebuild.comparison import OwnRows, compare_own
from index_builder.rebuild.keeping import MIN_ROWS
from index_builder.rebuild.live_version import EncoderSource, LiveVersion
from index_builder.rebuild.options import RebuildOptions
from index_builder.rebuild.outcome import (
    KEPT_WITHOUT_TEXT,
    TAKEN_OUT,
    WITHOUT_VECTOR,
    RoundEnding,
    RoundOutcome,
)
from index_builder.rebuild.progress import RoundProgress
from index_builder.rebuild.publishing import published
from index_builder.rebuild.vector_rows import VectorRows, encoded
from lengthwise.index.arrays import IntVector
from lengthwise.index.errors import InvalidInputError
from lengthwise.index.index import LengthIndex
from lengthwise.index.store import Published
from lengthwise.index.store.published import new_version

TRIES = 3
"""Versions that are followed one after the other: each try takes minutes, as rounds do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CarryingOver:
    """What is done with an encoder whose round was overtaken.

    Args:
        source: The encoder, and what was trained with it.
        place: Where versions are published, and where the one that overtook it is found.
        fetch: Gives a version of that place in memory.
        options: What is held out and tolerated, and how many versions are kept.
        leave_out_callers: Whose rows are taken out.
        folder: Is there, for what is made.
        progress: Is told how far it is, and may end it.
    """

    source: EncoderSource
    place: Published
    fetch: Callable[[str], LiveVersion]
    options: RebuildOptions
    leave_out_callers: frozenset[str]
    folder: Path
    progress: RoundProgress

    def run(self, overtaken: RoundOutcome) -> RoundOutcome:
        """Bring it to the version that is current, and to the next if that is overtaken too.

        Args:
            overtaken: What the round came to, which is what this does where nothing is current.

        Raises:
            LengthIndexError: The version, its rows or the place cannot be used.
            StopRoundError: It was asked to end.
        """
        outcome = overtaken
        for _ in range(TRIES):
            current = self.place.current()
            if current is None or outcome.ending is not RoundEnding.OVERTAKEN:
                break
            outcome = self._onto(current)
        return outcome

    def _onto(self, before: str) -> RoundOutcome:
        self.progress.note(f"Overtaken by {before}: bringing the trained encoder to its rows")
        live = self.fetch(before)
        content = live.content()
        held = self._in_its_space(content)
        asked = self._asked(held.rows, before)
        folder = self._build(live, held)
        self.progress.note(f"Comparing on {len(asked):,} rows that it did not learn from")
        candidate = LengthIndex.load(folder, encoder=self.source.encoder)
        comparison = compare_own(
            OwnRows(live.index, content, held.places[asked]),
            OwnRows(candidate, held.rows, asked),
            seed=self.options.seed,
        )
        outcome = RoundOutcome(
            ending=RoundEnding.REFUSED,
            version=before,
            before=before,
            after_sequence=live.last_sequence,
            last_sequence=live.last_sequence,
            left_out=held.left_out,
            rows=len(held.rows),
            comparison=comparison,
            faults=tuple(comparison.faults(self.options)),
            carried_over=True,
        )
        if outcome.faults:
            return outcome
        keep = self.options.keep_versions
        return published(outcome, self.place, folder, keep_versions=keep, progress=self.progress)

    def _in_its_space(self, content: VectorRows) -> "_Held":
        """The rows that can come along, with vectors of the trained encoder."""
        unwanted = content.reported_by(self.leave_out_callers)
        places = np.flatnonzero(content.with_text & ~unwanted)
        self.progress.note(f"Encoding {len(places):,} prompts anew")
        texts = encoded(content.rows.take(places), self.source.encoder, self.progress)
        left_out = {
            TAKEN_OUT: int(np.count_nonzero(unwanted)),
            KEPT_WITHOUT_TEXT: int(np.count_nonzero(~content.with_text & ~unwanted)),
            WITHOUT_VECTOR: int(np.count_nonzero(~texts.finite)),
        }
        return _Held(
            texts.with_finite_vectors(self.source.encoder),
            places[texts.finite],
            {reason: count for reason, count in left_out.items() if count},
        )

    def _build(self, live: LiveVersion, held: "_Held") -> Path:
        """Make a version of the rows that come along; its folder has its name."""
        versions = self.place.versions()
        version = new_version(after=versions)
        self.progress.note(f"Building {version} of {len(held.rows):,} rows")
        later = held.rows.rows.stored_unix_s > self.source.trained_until_unix_s
        recipe = Recipe.following(
            live.index.manifest,
            self.source,
            new_rows=int(np.count_nonzero(later)),
            last_sequence=live.last_sequence,
            left_out=sum(held.left_out.values()),
            seed=self.options.seed,
        ).among(versions, live.index.version)
        repeats = live.index.repeats
        earlier = [] if repeats is None else [repeats.not_of(self.leave_out_callers)]
        made = recipe.write(self.folder / version, version, held.rows, earlier)
        if made.no_first_tier:
            self.progress.note(made.no_first_tier)
        return self.folder / version

    def _asked(self, rows: VectorRows, version: str) -> IntVector:
        """Places of the rows that versions are compared on: the newest not learnt from.

        Raises:
            InvalidInputError: There are too few.
        """
        known = not_trained_on(rows, self.source) & ~rows.rows.censored
        places = np.flatnonzero(known)[-self.options.holdout_rows :]
        if len(places) < MIN_ROWS:
            raise InvalidInputError(
                f"of {version}, which became current during the training, {len(places)} rows can "
                f"be asked about that the encoder did not learn from: expected at least {MIN_ROWS}"
            )
        return places


@dataclass(frozen=True, slots=True)
class _Held:
    """Rows of the live version in the trained encoder's space.

    Args:
        rows: Those that came along, in the order of the live version.
        places: Shape (rows,): theirs in the live version.
        left_out: How many did not, by reason.
    """

    rows: VectorRows
    places: IntVector
    left_out: dict[str, int]
