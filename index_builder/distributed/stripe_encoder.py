"""What a worker does: read a file of the history, encode its stripe of it, write the parts."""

import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from index_builder.build.encoded_rows import EncodedChunk, encode_chunk
from index_builder.distributed.findings import FileFindings, unselected_name
from index_builder.distributed.part import PartFacts, facts_of, write_part
from index_builder.distributed.place import Place, is_url
from index_builder.distributed.plan import EncodePlan, SourceFile, Stripe
from index_builder.distributed.selection import Selection
from lengthwise.history.files import History, HistoryEmptyError, ReadReport
from lengthwise.history.files.errors import HistoryReadError
from lengthwise.history.records import chunked
from lengthwise.index.encoder.encoder import Encoder
from lengthwise.index.record import HistoryRecord
from lengthwise.index.repeats.repeat_runs import RepeatCollector
from lengthwise.index.store.manifest import EncoderIdentity

COPIED_BYTES = 4 << 20
"""Of a remote file at a time: large enough that no time goes into asking."""


@dataclass(frozen=True, slots=True)
class StripeDone:
    """What became of a stripe.

    Args:
        rows: Rows of it, encoded now or before.
        encoded_rows: Those that were encoded now: the others' parts were there.
    """

    rows: int
    encoded_rows: int


class StripeEncoder:
    """Encodes stripes of a plan, one after the other.

    Args:
        plan: What is to be encoded.
        place: The folder or URL that the parts go to.
        encoder: Encodes the prompts, each different one of a chunk once.
        selection: Which rows are encoded; None for all.
    """

    def __init__(
        self, plan: EncodePlan, place: Place, encoder: Encoder, selection: Selection | None = None
    ) -> None:
        self._plan = plan
        self._place = place
        self._encoder = encoder
        self._selection = selection
        self._identity = EncoderIdentity.from_encoder(encoder)

    def run(self, stripe: Stripe, on_rows: Callable[[int], None] = lambda _: None) -> StripeDone:
        """Encode what of a stripe is not there yet.

        Args:
            stripe: The file, and which of its chunks.
            on_rows: Told how many more rows have a vector.

        Raises:
            HistoryReadError: The file cannot be read, or a row of it under "stop".
            EncoderError: A prompt gets no vector, under "stop".
            StoreError: A part cannot be written.
        """
        there = self._rows_there(stripe)
        if there is not None:
            on_rows(there)
            return StripeDone(there, 0)
        source, left = self._plan.files[stripe.file], RepeatCollector()
        rows = encoded = number = 0
        with local_file(source) as path:
            reader = FileReader(path, self._plan)
            for number, records in enumerate(self._chunks(reader, stripe.file, left), 1):
                if not stripe.has(number - 1):
                    continue
                new = self._encode(stripe.file, number - 1, records)
                rows, encoded = rows + len(records), encoded + new
                on_rows(len(records))
        if self._tells_left(stripe):
            self._place.write(unselected_name(stripe.file), left.table().to_bytes())
        FileFindings(stripe.file, number, reader.report).write(self._place)
        return StripeDone(rows, encoded)

    def _tells_left(self, stripe: Stripe) -> bool:
        """Whether its worker writes what the rows say that are not selected: one of each file."""
        return self._selection is not None and stripe.first == 0

    def _chunks(
        self, reader: "FileReader", file: int, left: RepeatCollector
    ) -> Iterator[list[HistoryRecord]]:
        records = iter(reader)
        if self._selection is not None:
            records = self._selection.of_file(file, records, left.add)
        return chunked(records, self._plan.chunk_rows)

    def _encode(self, file: int, number: int, records: list[HistoryRecord]) -> int:
        """Encode a chunk whose part is not there; gives how many rows were encoded."""
        facts = self._facts(file, number, len(records))
        there = facts_of(self._place, facts.name)
        if there is not None and replace(there, runtime=facts.runtime) == facts:
            return 0
        chunk: EncodedChunk = encode_chunk(self._encoder, records, self._plan.reading.on_error)
        write_part(self._place, facts, chunk)
        return len(records)

    def _rows_there(self, stripe: Stripe) -> int | None:
        """Rows of a stripe all of whose parts are there; None if one is not."""
        found = FileFindings.read(self._place, stripe.file)
        if found is None:
            return None
        if self._tells_left(stripe) and not self._place.has(unselected_name(stripe.file)):
            return None
        rows = 0
        for number in range(stripe.first, found.chunks, stripe.every):
            there = facts_of(self._place, self._facts(stripe.file, number, 0).name)
            if there is None:
                return None
            expected = self._facts(stripe.file, number, there.rows_read)
            if replace(there, runtime=expected.runtime) != expected:
                return None
            rows += there.rows_read
        return rows

    def _facts(self, file: int, chunk: int, rows: int) -> PartFacts:
        source = self._plan.files[file]
        return PartFacts(
            file=file,
            chunk=chunk,
            source=source.path,
            source_bytes=source.bytes,
            rows_read=rows,
            encoder=self._identity,
            runtime=self._encoder.runtime,
        )


class FileReader:
    """Reads one file of a history; one without a usable row is none to complain of.

    Args:
        path: Where it lies on this machine.
        plan: How its rows are read.
    """

    def __init__(self, path: Path, plan: EncodePlan) -> None:
        self._history = History.from_paths([path], plan.reading)

    def __iter__(self) -> Iterator[HistoryRecord]:
        try:
            yield from self._history
        except HistoryEmptyError:
            return

    @property
    def report(self) -> ReadReport:
        """Rows read so far, rows skipped and why."""
        return self._history.report


@contextmanager
def local_file(source: SourceFile) -> Generator[Path]:
    """A file of the history on this machine: itself, or a copy for as long as it is needed.

    Raises:
        HistoryReadError: It is not there, or another by now.
    """
    if not is_url(source.path):
        path = Path(source.path)
        _check(source, path.stat().st_size if path.exists() else None)
        yield path
        return
    parts = urlsplit(source.path)
    folder, _, name = parts.path.rpartition("/")
    place = Place.at(parts._replace(path=folder).geturl())
    with TemporaryDirectory(prefix="lengthwise-source-") as copies:
        path = Path(copies) / PurePosixPath(name).name
        try:
            with (
                # A history's reader takes compressed files as they are.
                place.files.open_input_stream(f"{place.root}/{name}", compression=None) as stream,
                path.open("wb") as file,
            ):
                shutil.copyfileobj(stream, file, COPIED_BYTES)
        except OSError as error:
            raise HistoryReadError(None, None, f"{source.path} cannot be read: {error}") from error
        _check(source, path.stat().st_size)
        yield path


def _check(source: SourceFile, size: int | None) -> None:
    if size is None:
        raise HistoryReadError(
            Path(source.path), None, "no such file: workers need it under the same path or URL"
        )
    if size != source.bytes:
        raise HistoryReadError(
            Path(source.path),
            None,
            f"it has {size:,} bytes and had {source.bytes:,} when the encoding began: expected "
            "files that do not change. Encode into another folder",
        )
