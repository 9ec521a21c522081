"""Encodes a history into parts, with whatever engine runs the work."""

from collections.abc import Callable, Sequence
from typing import Protocol

from index_builder.build.progress import BuildProgress
from index_builder.distributed.counting import count_file, selection_of
from index_builder.distributed.place import Place
from index_builder.distributed.plan import EncodePlan, Stripe
from index_builder.distributed.selection import Selection
from index_builder.distributed.stripe_encoder import StripeDone, StripeEncoder
from index_builder.distributed.vector_cache import cached
from lengthwise.index.encoder.encoder import Device, Encoder, load_encoder

STRIPES_PER_WORKER = 4
"""Pieces of work for each worker, so that none waits long for the last one to end."""


class Engine(Protocol):
    """Runs the work of an encoding, here or on many machines."""

    @property
    def workers(self) -> int:
        """How many stripes are encoded at a time."""
        ...

    def count(self, plan: EncodePlan, place: Place, files: Sequence[int]) -> None:
        """Count the rows of some files by LLM."""
        ...

    def encode(
        self,
        plan: EncodePlan,
        place: Place,
        stripes: Sequence[Stripe],
        selection: Selection | None,
        on_rows: Callable[[int], None],
    ) -> list[StripeDone]:
        """Encode stripes; tells how many more rows are done as they are."""
        ...


class ThisProcess:
    """Encodes one stripe after the other, in this process.

    Args:
        device: Where the encoder runs: "cpu", "cuda" or "auto".
        encoder: Taken instead of the plan's, which is loaded if None.
        vector_cache: Folder of vectors of earlier encodings; "" for none.
    """

    workers = 1

    def __init__(
        self, device: Device = "auto", encoder: Encoder | None = None, vector_cache: str = ""
    ) -> None:
        self._device: Device = device
        self._encoder = encoder
        self._vector_cache = vector_cache

    def count(self, plan: EncodePlan, place: Place, files: Sequence[int]) -> None:
        for file in files:
            count_file(plan, place, file)

    def encode(
        self,
        plan: EncodePlan,
        place: Place,
        stripes: Sequence[Stripe],
        selection: Selection | None,
        on_rows: Callable[[int], None],
    ) -> list[StripeDone]:
        encoder = self._encoder or load_encoder(
            plan.encoder, device=self._device, precision=plan.precision
        )
        worker = StripeEncoder(plan, place, cached(encoder, self._vector_cache), selection)
        return [worker.run(stripe, on_rows) for stripe in stripes]


def encode_history(
    plan: EncodePlan, place: Place, engine: Engine, progress: BuildProgress
) -> StripeDone:
    """Encode what of a history is not encoded yet.

    Args:
        plan: What is to be encoded.
        place: Where the parts go; may hold some of them.
        engine: Runs the stripes, here or on other machines.
        progress: Is told how far it is.

    Returns:
        Rows that have a vector now, and those that got it now.

    Raises:
        InvalidInputError: The folder holds parts of something else.
        LengthIndexError: What a worker raised.
    """
    plan.publish_to(place)
    progress.stage("encode")
    selection = selection_of(plan, place, lambda files: engine.count(plan, place, files))
    stripes = plan.stripes(engine.workers * STRIPES_PER_WORKER if engine.workers > 1 else 1)
    done = engine.encode(plan, place, stripes, selection, progress.rows)
    return StripeDone(sum(d.rows for d in done), sum(d.encoded_rows for d in done))
