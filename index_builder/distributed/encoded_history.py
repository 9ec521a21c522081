"""The parts of a history as the rows of a build, in the history's order whoever wrote them when."""

from collections.abc import Iterator, Sequence

from index_builder.build.encoded_rows import EncodedChunk
from index_builder.distributed.findings import FileFindings, findings_name, merged, read_unselected
from index_builder.distributed.part import part_name, read_part
from index_builder.distributed.place import Place
from index_builder.distributed.plan import EncodePlan
from lengthwise.history.files import ReadReport
from lengthwise.history.fingerprint import RecordHash
from lengthwise.index.errors import EncoderMismatchError, InvalidInputError
from lengthwise.index.repeats.repeat_table import RepeatTable
from lengthwise.index.store.manifest import EncoderIdentity


class EncodedHistory:
    """A folder of parts that is whole. See `index_builder.build.encoded_rows.EncodedRows`.

    Args:
        place: The folder or URL that holds the parts.

    Raises:
        InvalidInputError: It holds no encoding, or one that is not whole yet.
    """

    stage = "read"

    def __init__(self, place: Place) -> None:
        self._place = place
        self._plan = EncodePlan.read_from(place)
        self._findings = [self._found(file) for file in range(len(self._plan.files))]
        self._encoder: EncoderIdentity | None = None
        self._hash = RecordHash()
        self._without_vector = 0
        self.runtimes: set[str] = set()
        self.report: ReadReport = merged([found.report for found in self._findings])

    def __iter__(self) -> Iterator[EncodedChunk]:
        """The chunks, in the order of the history.

        Raises:
            InvalidInputError: A part is missing or damaged.
            EncoderMismatchError: Two parts were made by different encoders.
        """
        self._hash = RecordHash()
        self._without_vector = 0
        for found in self._findings:
            for number in range(found.chunks):
                yield self._part(part_name(found.file, number))

    def _part(self, name: str) -> EncodedChunk:
        facts, chunk = read_part(self._place, name)
        first = self._encoder = self._encoder or facts.encoder
        if facts.encoder.content_hash != first.content_hash:
            raise EncoderMismatchError(
                f"{self._place.text}/{name} was encoded by {facts.encoder.name!r} (hash "
                f"{facts.encoder.content_hash[:16]}), parts before it by {first.name!r} (hash "
                f"{first.content_hash[:16]}): expected one encoder. Encode into a new folder"
            )
        self.runtimes.add(facts.runtime)
        self._without_vector += chunk.rows_read - len(chunk.records)
        for record in chunk.records:
            self._hash.update(record)
        return chunk

    def _found(self, file: int) -> FileFindings:
        found = FileFindings.read(self._place, file)
        if found is None:
            raise InvalidInputError(
                f"{self._place.text} is not whole: {findings_name(file)}, written once "
                f"{self._plan.files[file].path} is encoded, is not there. Run the same encode "
                "command again, it goes on where it stopped"
            )
        return found

    @property
    def encoder(self) -> EncoderIdentity:
        assert self._encoder is not None, "known once the first part is read"  # noqa: S101
        return self._encoder

    @property
    def fingerprint(self) -> str:
        return self._hash.hexdigest()

    @property
    def unselected(self) -> Sequence[RepeatTable]:
        newest_first = reversed(range(len(self._plan.files)))
        found = (read_unselected(self._place, file) for file in newest_first)
        return [table for table in found if table is not None]

    @property
    def skipped_rows(self) -> int:
        return self.report.total_skipped + self._without_vector
