"""One round: read what is new, make a candidate, compare, publish."""

import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from index_builder.rebuild.candidate import Recipe
from index_builder.rebuild.carrying_over import CarryingOver
from index_builder.rebuild.comparison import compare
from index_builder.rebuild.incoming import Incoming, IncomingReader, TimeSplit
from index_builder.rebuild.keeping import Caps, WithinCaps, within_caps
from index_builder.rebuild.live_version import EncoderSource, LiveVersion
from index_builder.rebuild.options import RebuildOptions
from index_builder.rebuild.others import compare_others
from index_builder.rebuild.others import faults as others_faults
from index_builder.rebuild.outcome import (
    KEPT_WITHOUT_TEXT,
    TAKEN_OUT,
    WITHOUT_VECTOR,
    RoundEnding,
    RoundOutcome,
)
from index_builder.rebuild.position import first_known
from index_builder.rebuild.progress import RoundProgress
from index_builder.rebuild.publishing import published
from index_builder.rebuild.retraining import Retraining
from index_builder.rebuild.vector_rows import VectorRows, encoded, encoded_anew
from index_builder.rebuild.work_folder import work_folder
from index_builder.training.options import TrainOptions
from lengthwise.history.database.reader import HistoryReader
from lengthwise.index.encoder.encoder import DEFAULT_ENCODER, Device, Precision, load_encoder
from lengthwise.index.index import LengthIndex
from lengthwise.index.record import RowKey
from lengthwise.index.repeats.repeat_table import RepeatTable
from lengthwise.index.store import Published
from lengthwise.index.store.published import new_version
from lengthwise.model_contexts import ModelContexts


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuild:
    """A rebuild as the command line asks for it.

    Args:
        history: File or URL of the history.
        place: Where versions are published, and where the live one is found.
        options: What is kept, held out and tolerated.
        training: How the encoder is trained; None goes on with the live version's.
        cascade_loss: How much lower tau-b may be for a first tier that is trained with it; None
            goes on as the live version has it.
        encoder: Used where nothing was published yet: name or folder.
        device: Where encoder and training run.
        precision: That prompts are encoded in.
        cache: Folder for the live version, where it must be fetched: rounds that follow each other
            fetch it once. None fetches it anew each time.
        leave_out_callers: Whose rows are taken out of what is there and not taken in.
    """

    history: str
    place: Published
    options: RebuildOptions
    training: TrainOptions | None = None
    cascade_loss: float | None = None
    encoder: str = DEFAULT_ENCODER
    device: Device = "auto"
    precision: Precision = "auto"
    cache: Path | None = None
    leave_out_callers: frozenset[str] = frozenset()

    def run(self, progress: RoundProgress) -> RoundOutcome:
        """Do one round.

        Returns:
            How it ended; whatever it is, a version that is served was never touched.

        Raises:
            HistoryError: The history cannot be read.
            LengthIndexError: The live version, the rows or the place cannot be used.
            StopRoundError: It was asked to end.
        """
        started_s = time.monotonic()
        with work_folder() as folder:
            with HistoryReader.open(self.history) as reader:
                made = _Round(self, reader, folder, progress)
                outcome = made.run()
            if outcome.ending is RoundEnding.OVERTAKEN and made.trained is not None:
                outcome = CarryingOver(
                    source=made.trained,
                    place=self.place,
                    fetch=lambda version: self.fetch(version, folder),
                    options=self.options,
                    leave_out_callers=self.leave_out_callers,
                    folder=folder,
                    progress=progress,
                ).run(outcome)
        return replace(outcome, seconds=time.monotonic() - started_s)

    def after(self, outcome: RoundOutcome) -> "Rebuild":
        """The same for the next round: once rows read here were published it goes on from there."""
        if outcome.ending is not RoundEnding.PUBLISHED or outcome.carried_over:
            return self
        return replace(self, options=replace(self.options, from_sequence=-1))

    def fetch(self, version: str, folder: Path) -> LiveVersion:
        """A version in memory, by way of a round's folder where no cache was given."""
        cache = self.cache or folder / "fetched"
        return LiveVersion.fetch(
            self.place, version, cache, device=self.device, precision=self.precision
        )


class _Round:
    def __init__(
        self, job: Rebuild, reader: HistoryReader, folder: Path, progress: RoundProgress
    ) -> None:
        self._job = job
        self._options = job.options
        self._reader = reader
        self._folder = folder
        self._progress = progress
        self.trained: EncoderSource | None = None
        self._before = job.place.current()
        self._live = self._fetch_live()
        self._manifest = None if self._live is None else self._live.index.manifest
        self._known_repeats = None if self._live is None else self._live.index.repeats
        self._live_content: VectorRows | None = None
        self._last = reader.summary().last_sequence
        self._after = first_known(
            reader, self._live, last=self._last, from_sequence=job.options.from_sequence
        )
        self._outcome = RoundOutcome(
            ending=RoundEnding.NOTHING_NEW,
            version=self._before,
            before=self._before,
            after_sequence=self._after,
            last_sequence=self._last,
        )

    def run(self) -> RoundOutcome:
        takes_out = self._holds_unwanted()
        if self._last == self._after and not takes_out:
            return self._outcome
        source = self._source()
        incoming = self._read(source)
        self._learn(
            ending=RoundEnding.TOO_LITTLE_NEW,
            new_rows=len(incoming.rows),
            left_out=incoming.left_out,
        )
        split = TimeSplit.from_newest_ended(incoming.rows.censored, self._options.holdout_rows)
        if takes_out:
            return self._make(source, incoming, split)
        if len(incoming.rows) < self._options.min_new_rows:
            return self._outcome
        # Where all were cut off nothing can be compared, which a first version does not wait for.
        if split is None and self._live is not None:
            return replace(self._outcome, faults=(TimeSplit.lacking(incoming.rows.censored),))
        return self._make(source, incoming, split)

    def _holds_unwanted(self) -> bool:
        """Whether the live version has rows that are to be taken out, for which nothing waits."""
        unwanted, repeats = self._job.leave_out_callers, self._known_repeats
        if self._live is None or not unwanted:
            return False
        # Rows that went for being old are gone, and their lengths answer repeats all the same.
        aged = repeats is not None and bool(repeats.reported_by(unwanted).any())
        return aged or not unwanted.isdisjoint(self._live.index.rows.callers)

    def _learn(self, **facts: Any) -> None:
        self._outcome = replace(self._outcome, **facts)

    def _fetch_live(self) -> LiveVersion | None:
        if self._before is None:
            return None
        self._progress.note(f"Live version: {self._before}")
        return self._job.fetch(self._before, self._folder)

    def _source(self) -> EncoderSource:
        if self._live is not None:
            return EncoderSource.from_live(self._live)
        job = self._job
        return EncoderSource.from_encoder(
            load_encoder(job.encoder, device=job.device, precision=job.precision)
        )

    def _read(self, source: EncoderSource) -> Incoming:
        self._progress.note(f"Reading rows {self._after + 1:,} to {self._last:,}")
        reader = IncomingReader(
            source.identity,
            _holds_none if self._live is None else self._live.index.built_with,
            training=self._job.training is not None,
            left_out_callers=self._job.leave_out_callers,
            contexts=ModelContexts.parse(self._options.model_context),
        )
        return reader.read(self._reader.rows_after(self._after, up_to=self._last))

    def _make(
        self, source: EncoderSource, incoming: Incoming, split: TimeSplit | None
    ) -> RoundOutcome:
        before = self._content()
        if self._job.training is not None:
            source = self._train(self._job.training, source, before, incoming, split)
            self.trained = source
            before = self._carried_over(before, source)
        self._progress.note(f"Encoding {len(incoming.rows) - len(incoming.vectors):,} prompts")
        new = encoded(incoming.rows, source.encoder, self._progress, given=incoming.vectors)
        split = None if split is None else split.among(new.finite)
        new = self._with_vectors(new, source)
        self._learn(new_rows=len(new))
        recipe = self._recipe(source, len(new))
        if self._live is not None and split is not None:
            faults = self._compare(self._live, recipe, before, new, split)
            if faults:
                return replace(self._outcome, ending=RoundEnding.REFUSED, faults=tuple(faults))
        # What its searches have mapped is not held beside the version that is built next.
        self._live = self._live_content = None
        kept = self._kept(before, new)
        rows = kept.rows
        self._learn(rows=len(rows), dropped=kept.dropped)
        versions = self._job.place.versions()
        version = new_version(after=versions)
        recipe = recipe.among(versions, self._before)
        self._progress.note(f"Building {version} of {len(rows):,} rows")
        made = recipe.write(self._folder / version, version, rows, self._repeats(kept))
        if made.no_first_tier:
            self._progress.note(made.no_first_tier)
        return published(
            self._outcome,
            self._job.place,
            self._folder / version,
            keep_versions=self._options.keep_versions,
            progress=self._progress,
        )

    def _content(self) -> VectorRows | None:
        """What the live version holds, but for rows of callers that are left out."""
        if self._live is None:
            return None
        self._live_content = content = self._live.content()
        found = content.not_of(self._job.leave_out_callers)
        self._lose(TAKEN_OUT, len(content) - len(found))
        return found

    def _lose(self, reason: str, count: int) -> None:
        if count:
            so_far = self._outcome.left_out
            self._learn(left_out={**so_far, reason: so_far.get(reason, 0) + count})

    def _with_vectors(self, rows: VectorRows, source: EncoderSource) -> VectorRows:
        """Those that got one: a prompt that gets none is no reason to take in no other."""
        found = rows.with_finite_vectors(source.encoder)
        self._lose(WITHOUT_VECTOR, len(rows) - len(found))
        return found

    def _train(
        self,
        options: TrainOptions,
        source: EncoderSource,
        before: VectorRows | None,
        incoming: Incoming,
        split: TimeSplit | None,
    ) -> EncoderSource:
        training = Retraining(
            options=options,
            folder=self._folder / "trained",
            device=self._job.device,
            precision=self._job.precision,
            cascade_loss=self._job.cascade_loss,
        )
        learnt = incoming.rows if split is None else incoming.rows.take(split.earlier.tolist())
        return training.run(source, before, learnt, self._progress)

    def _carried_over(self, before: VectorRows | None, source: EncoderSource) -> VectorRows | None:
        if before is None:
            return None
        self._progress.note(f"Encoding {len(before):,} prompts of the live version anew")
        found = encoded_anew(before, source.encoder, self._progress)
        self._lose(KEPT_WITHOUT_TEXT, len(before) - len(found))
        return self._with_vectors(found, source)

    def _compare(
        self,
        live: LiveVersion,
        recipe: Recipe,
        before: VectorRows | None,
        new: VectorRows,
        split: TimeSplit,
    ) -> list[str]:
        """Why the candidate is not to be published."""
        assert self._live_content is not None  # noqa: S101  there is a live version
        self._progress.note(f"Comparing on the newest {len(split.held_out):,} rows")
        kept = self._kept(before, new.take(split.earlier))
        past = kept.rows
        recipe = replace(recipe, new_rows=len(split.earlier))
        folder = self._folder / "candidate"
        recipe.write(folder, folder.name, past, self._repeats(kept))
        candidate = LengthIndex.load(folder, encoder=recipe.source.encoder)
        held_out = new.take(split.held_out)
        same = recipe.source.identity.content_hash == live.index.manifest.encoder.content_hash
        vectors = held_out.vectors if same else live.index.encode(held_out.prompts)
        seed = self._options.seed
        comparison = compare(live.index, candidate, held_out, live_vectors=vectors, seed=seed)
        others = compare_others(
            live.index,
            self._live_content,
            candidate,
            past,
            new.rows.take(split.earlier.tolist()),
            seed=seed,
        )
        self._learn(comparison=comparison, others=tuple(others))
        suffered = others_faults(others, self._options.tolerate_others)
        return [*comparison.faults(self._options), *suffered]

    def _repeats(self, kept: WithinCaps) -> list[RepeatTable]:
        """Lengths of rows that are not kept, now or before, the newest first."""
        known = self._known_repeats
        earlier = [] if known is None else [known.not_of(self._job.leave_out_callers)]
        return [kept.aged, *earlier]

    def _kept(self, before: VectorRows | None, later: VectorRows) -> WithinCaps:
        rows = later if before is None else before.followed_by(later)
        return within_caps(rows, Caps.from_options(self._options))

    def _recipe(self, source: EncoderSource, new_rows: int) -> Recipe:
        return Recipe.following(
            self._manifest,
            source,
            new_rows=new_rows,
            last_sequence=self._last,
            left_out=sum(self._outcome.left_out.values()),
            seed=self._options.seed,
        )


def _holds_none(_: Collection[RowKey]) -> Collection[RowKey]:
    return ()
