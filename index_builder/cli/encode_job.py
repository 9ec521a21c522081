"""What `encode` and `build --engine ray` on the command line encode, with a progress bar."""

from collections.abc import Sequence
from dataclasses import dataclass

from index_builder.cli.engine_options import EngineName, WorkerOptions, engine_of
from index_builder.cli.progress import terminal_progress
from index_builder.distributed.encode_job import encode_history
from index_builder.distributed.place import Place
from index_builder.distributed.plan import EncodePlan
from lengthwise.history.files import ReadOptions
from lengthwise.index.encoder.encoder import Device, Precision


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodeJob:
    """An encoding as the command line asks for it.

    Args:
        history: Files, folders, globs or URLs.
        reading: How rows are read, and which of them.
        encoder: Name or folder, the same on every worker.
        device: Where the encoder runs: "cpu", "cuda" or "auto".
        precision: Of the numbers that the encoder computes with.
        keep_per_model: Rows of each LLM that are encoded, about; 0 for all.
        engine: What runs the work: this process, or Ray.
        workers: How many workers the engine has, and of what size.
        vector_cache: Folder of vectors of earlier encodings; "" for none.
    """

    history: Sequence[str]
    reading: ReadOptions
    encoder: str
    device: Device
    precision: Precision
    keep_per_model: int
    engine: EngineName
    workers: WorkerOptions
    vector_cache: str = ""

    def run(self, parts: str) -> tuple[int, int]:
        """Encode what is not encoded yet; gives rows in all, and rows encoded now."""
        plan = EncodePlan.from_sources(
            self.history,
            self.reading,
            self.encoder,
            precision=self.precision,
            keep_per_model=self.keep_per_model,
        )
        with (
            engine_of(self.engine, self.workers, self.device, self.vector_cache) as engine,
            terminal_progress() as progress,
        ):
            done = encode_history(plan, Place.at(parts), engine, progress)
        return done.rows, done.encoded_rows
