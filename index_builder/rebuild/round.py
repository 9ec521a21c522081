"""One round: read what is new, make a candidate, compare, publish."""

import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from index_builder.build.builder import new_version
from index_builder.rebuild.candidate import Recipe
from index_builder.rebuild.comparison import Comparison, compare
from index_builder.rebuild.encoding import encoded
from index_builder.rebuild.incoming import Incoming, IncomingReader
from index_builder.rebuild.keeping import Caps, within_caps
from index_builder.rebuild.live import LiveVersion
from index_builder.rebuild.options import RebuildOptions
from index_builder.rebuild.outcome import Ending, Outcome
from index_builder.rebuild.parts import Parts
from index_builder.rebuild.progress import RoundProgress
from index_builder.rebuild.retraining import Retraining, encoded_anew
from index_builder.rebuild.source import EncoderSource
from index_builder.rebuild.vector_rows import VectorRows
from index_builder.training.options import TrainOptions
from lengthwise.history.database.reader import HistoryReader
from lengthwise.index.encoder.encoder import DEFAULT_ENCODER, Device, Precision, load_encoder
from lengthwise.index.errors import InvalidInputError, StaleVersionError, StoreBusyError, StoreError
from lengthwise.index.index import DEFAULT_QUANTILE_LEVELS, LengthIndex
from lengthwise.index.store import Published

KEPT_WITHOUT_TEXT = "of the live version without text, which a training needs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuild:
    """A rebuild as the command line asks for it.

    Args:
        history: File or URL of the history.
        place: Where versions are published.
        options: How.
        training: How the encoder is trained; None goes on with the live version's.
        encoder: Used where nothing was published yet: name or folder.
        device: Where it runs.
        precision: Of the encoding.
        cache: Folder for the live version, where it must be fetched: rounds that follow each other
            fetch it once. None fetches it anew each time.
    """

    history: str
    place: Published
    options: RebuildOptions
    training: TrainOptions | None = None
    encoder: str = DEFAULT_ENCODER
    device: Device = "auto"
    precision: Precision = "auto"
    cache: Path | None = None

    def run(self, progress: RoundProgress) -> Outcome:
        """Do one round.

        Returns:
            How it ended; whatever it is, a version that is served was never touched.

        Raises:
            HistoryError: The history cannot be read.
            LengthIndexError: The live version, the rows or the place cannot be used.
            StopRoundError: It was asked to end.
        """
        started_s = time.monotonic()
        with (
            HistoryReader.open(self.history) as reader,
            TemporaryDirectory(prefix="lengthwise-rebuild-") as folder,
        ):
            outcome = _Round(self, reader, Path(folder), progress).run()
        return replace(outcome, seconds=time.monotonic() - started_s)


class _Round:
    def __init__(
        self, job: Rebuild, reader: HistoryReader, folder: Path, progress: RoundProgress
    ) -> None:
        self._job = job
        self._options = job.options
        self._reader = reader
        self._folder = folder
        self._progress = progress
        self._before = job.place.current()
        self._live = self._fetch_live()
        self._last = reader.summary().last_sequence
        self._after = self._first_known()
        self._outcome = Outcome(
            ending=Ending.NOTHING_NEW,
            version=self._before,
            before=self._before,
            after_sequence=self._after,
            last_sequence=self._last,
        )

    def run(self) -> Outcome:
        if self._last == self._after:
            return self._outcome
        source = self._source()
        incoming = self._read(source)
        self._learn(
            ending=Ending.TOO_LITTLE_NEW,
            new_rows=len(incoming.rows),
            left_out=incoming.left_out,
        )
        if len(incoming.rows) < self._options.min_new_rows:
            return self._outcome
        parts = Parts.newest_ended(incoming.rows.censored, self._options.holdout_rows)
        if parts is None:
            return self._outcome
        return self._make(source, incoming, parts)

    def _learn(self, **facts: Any) -> None:
        self._outcome = replace(self._outcome, **facts)

    def _fetch_live(self) -> LiveVersion | None:
        if self._before is None:
            return None
        self._progress.note(f"Live version: {self._before}")
        job = self._job
        return LiveVersion.fetch(
            job.place,
            self._before,
            job.cache or self._folder / "fetched",
            device=job.device,
            precision=job.precision,
        )

    def _first_known(self) -> int:
        """The last row of the history that need not be read."""
        if self._options.from_sequence >= 0:
            return min(self._options.from_sequence, self._last)
        after = 0 if self._live is None else self._live.last_sequence
        if after > self._last:
            raise InvalidInputError(
                f"{self._before} has followed its history up to row {after:,}, this one ends at "
                f"row {self._last:,}: expected the same history. To follow another from its "
                "beginning give --from-sequence 0"
            )
        return after

    def _source(self) -> EncoderSource:
        if self._live is not None:
            return EncoderSource.of_live(self._live.index, self._live.folder)
        job = self._job
        return EncoderSource.untrained(
            load_encoder(job.encoder, device=job.device, precision=job.precision)
        )

    def _read(self, source: EncoderSource) -> Incoming:
        self._progress.note(f"Reading rows {self._after + 1:,} to {self._last:,}")
        reader = IncomingReader(
            source.identity,
            _holds_none if self._live is None else self._live.index.built_with,
            training=self._job.training is not None,
        )
        return reader.read(self._reader.rows_after(self._after, up_to=self._last))

    def _make(self, source: EncoderSource, incoming: Incoming, parts: Parts) -> Outcome:
        before = None if self._live is None else self._live.content()
        if self._job.training is not None:
            source = self._trained(self._job.training, source, before, incoming, parts)
            before = self._carried_over(before, source)
        self._progress.note(f"Encoding {len(incoming.rows) - len(incoming.vectors):,} prompts")
        new = encoded(incoming.rows, source.encoder, self._progress, given=incoming.vectors)
        recipe = self._recipe(source, len(new))
        if self._live is not None:
            comparison = self._compare(self._live.index, recipe, before, new, parts)
            self._learn(comparison=comparison)
            faults = comparison.faults(self._options)
            if faults:
                return replace(self._outcome, ending=Ending.REFUSED, faults=tuple(faults))
        rows, dropped = self._kept(before, new)
        self._learn(rows=len(rows), dropped=dropped)
        version = new_version()
        self._progress.note(f"Building {version} of {len(rows):,} rows")
        recipe.write(self._folder / version, version, rows)
        return self._publish(version)

    def _trained(
        self,
        options: TrainOptions,
        source: EncoderSource,
        before: VectorRows | None,
        incoming: Incoming,
        parts: Parts,
    ) -> EncoderSource:
        training = Retraining(
            options=options,
            folder=self._folder / "trained",
            device=self._job.device,
            precision=self._job.precision,
        )
        learnt = incoming.rows.take(parts.earlier.tolist())
        return training.run(source, before, learnt, self._progress)

    def _carried_over(self, before: VectorRows | None, source: EncoderSource) -> VectorRows | None:
        if before is None:
            return None
        self._progress.note(f"Encoding {len(before):,} prompts of the live version anew")
        found = encoded_anew(before, source, self._progress)
        if len(found) < len(before):
            lost = {KEPT_WITHOUT_TEXT: len(before) - len(found)}
            self._learn(left_out={**self._outcome.left_out, **lost})
        return found

    def _compare(
        self,
        live: LengthIndex,
        recipe: Recipe,
        before: VectorRows | None,
        new: VectorRows,
        parts: Parts,
    ) -> Comparison:
        self._progress.note(f"Comparing on the newest {len(parts.held_out):,} rows")
        past, _ = self._kept(before, new.take(parts.earlier))
        recipe = replace(recipe, new_rows=len(parts.earlier))
        candidate = recipe.write(self._folder / "candidate", "candidate", past)
        held_out = new.take(parts.held_out)
        same = recipe.source.identity.content_hash == live.manifest.encoder.content_hash
        vectors = held_out.vectors if same else live.encode(held_out.prompts)
        return compare(live, candidate, held_out, live_vectors=vectors, seed=self._options.seed)

    def _kept(
        self, before: VectorRows | None, later: VectorRows
    ) -> tuple[VectorRows, dict[str, int]]:
        rows = later if before is None else before.followed_by(later)
        return within_caps(rows, Caps.of(self._options))

    def _recipe(self, source: EncoderSource, new_rows: int) -> Recipe:
        manifest = None if self._live is None else self._live.index.manifest
        levels = DEFAULT_QUANTILE_LEVELS if manifest is None else manifest.quantile_levels
        return Recipe(
            source=source,
            new_rows=new_rows,
            last_sequence=self._last,
            left_out=sum(self._outcome.left_out.values()),
            quantile_levels=levels,
            keeps_text=manifest is None or manifest.keeps_text,
            seed=self._options.seed,
        )

    def _publish(self, version: str) -> Outcome:
        folder, place = self._folder / version, self._job.place
        self._progress.note(f"Publishing {version}")
        try:
            place.publish(folder, version, expected=self._before)
        except (StaleVersionError, StoreBusyError) as error:
            return replace(self._outcome, ending=Ending.OVERTAKEN, faults=(str(error),))
        return replace(
            self._outcome,
            ending=Ending.PUBLISHED,
            version=version,
            pruned=self._prune(),
        )

    def _prune(self) -> tuple[str, ...]:
        """Versions that are no longer kept; what cannot be removed now goes with the next."""
        try:
            return tuple(self._job.place.prune(self._options.keep_versions))
        except StoreError as error:
            self._progress.note(f"Old versions stay: {error}")
            return ()


def _holds_none(_: Collection[str]) -> Collection[str]:
    return ()
