"""Ray Data runs the work: a pool of actors, each with the encoder in memory.

What goes through Ray is which stripe is next, and how many rows are done. Rows and vectors do not:
an actor reads the file, encodes and writes parts itself, with the same code as one process does. So
nothing depends on blocks and their order, nothing is copied through the object store, and an actor
that dies costs at most the chunk that it was at.
"""

import logging
import os
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from index_builder.distributed.counting import count_file
from index_builder.distributed.place import Place
from index_builder.distributed.plan import EncodePlan, Stripe
from index_builder.distributed.selection import Selection
from index_builder.distributed.stripe_encoder import StripeDone, StripeEncoder
from index_builder.distributed.vector_cache import cached
from lengthwise.errors import LengthwiseError
from lengthwise.index.encoder.encoder import Device, load_encoder
from lengthwise.index.errors import InvalidInputError, LengthIndexError, MissingExtraError

COUNTED_HERE_BYTES = 256_000_000
"""Files that are smaller together are counted by the driver: sooner done than a worker started."""

OBJECT_STORE_BYTES = 100_000_000
"""Of a cluster that is started for the job: what goes through it are numbers. Ray's least is 75 MB;
by default it takes a third of the memory."""

OWN_CLUSTER = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # By default they get the nice value 15, and all but stand still beside other work.
    "RAY_worker_niceness": "0",
    # Below lie warnings of Ray's about Ray; what ends a job is raised as well.
    "RAY_BACKEND_LOG_LEVEL": "fatal",
}
"""Variables of a cluster that is started for the job, unless they are set."""

Batch = dict[str, np.ndarray[Any, Any]]


class EncodingActor:
    """One worker: loads the encoder once, then takes a stripe at a time.

    Args:
        plan: The plan as JSON, since an actor is made elsewhere.
        parts: Where the parts go, as the user named it.
        device: Where the encoder of this actor runs.
        selection: Which rows are encoded; None for all.
        vector_cache: Folder of vectors of earlier encodings, which all workers share; "" for none.
    """

    def __init__(
        self,
        plan: bytes,
        parts: str,
        device: Device,
        selection: Selection | None,
        vector_cache: str = "",
    ) -> None:
        read = EncodePlan.from_json(plan, "the plan")
        self._fault = ""
        try:
            encoder = load_encoder(read.encoder, device=device, precision=read.precision)
        except LengthwiseError as error:
            # Ray would start it again and again.
            self._fault = str(error)
            return
        place, encoder = Place.at(parts), cached(encoder, vector_cache)
        self._worker = StripeEncoder(read, place, encoder, selection)

    def __call__(self, batch: Batch) -> Batch:
        """Encode the one stripe of a batch; what goes wrong on purpose is told, not raised."""
        done, fault = StripeDone(0, 0), self._fault
        if not fault:
            stripe = Stripe(**{name: int(batch[name][0]) for name in ("file", "first", "every")})
            try:
                done = self._worker.run(stripe)
            except LengthwiseError as error:
                fault = str(error)
        return {
            "rows": np.array([done.rows]),
            "encoded_rows": np.array([done.encoded_rows]),
            "fault": np.array([fault], object),
        }


@dataclass(frozen=True)
class RayEngine:
    """Runs an encoding on a Ray cluster: that of RAY_ADDRESS, or one of this machine.

    Args:
        workers_wanted: Actors; 0 for as many as the cluster has room for.
        cpus_per_worker: Cores of each, which its encoder uses.
        device: Where the encoder runs; "cuda" takes one GPU for each actor.
        vector_cache: Folder of vectors of earlier encodings, which all workers share; "" for none.
        actor: The class that each worker is an object of.
    """

    workers_wanted: int = 0
    cpus_per_worker: int = 2
    device: Device = "auto"
    vector_cache: str = ""
    actor: type[EncodingActor] = EncodingActor

    def __post_init__(self) -> None:
        if self.workers_wanted < 0:
            raise InvalidInputError(f"--workers is {self.workers_wanted}: expected 0 or more")
        if self.cpus_per_worker < 1:
            raise InvalidInputError(
                f"--cpus-per-worker is {self.cpus_per_worker}: expected 1 or more"
            )

    @property
    def workers(self) -> int:
        """How many actors there are; Ray runs by then."""
        if self.workers_wanted:
            return self.workers_wanted
        resources = _ray().cluster_resources()
        if self._gpus:
            return max(1, int(resources.get("GPU", 0)))
        return max(1, int(resources.get("CPU", 1)) // self.cpus_per_worker)

    @property
    def _gpus(self) -> int:
        return int(self.device == "cuda")

    @contextmanager
    def running(self) -> Generator[None]:
        """A connection to the cluster, which is started if there is none; it ends with it."""
        ray = _ray()
        if ray.is_initialized():
            yield
            return
        if os.environ.get("RAY_ADDRESS"):
            ray.init(log_to_driver=False)
        else:
            for name, value in OWN_CLUSTER.items():
                os.environ.setdefault(name, value)
            cores = max(os.cpu_count() or 1, self.cpus_per_worker)
            ray.init(
                num_cpus=max(cores, self.workers_wanted * self.cpus_per_worker),
                object_store_memory=OBJECT_STORE_BYTES,
                include_dashboard=False,
                log_to_driver=False,
                logging_level="error",
            )
        try:
            yield
        finally:
            ray.shutdown()

    def count(self, plan: EncodePlan, place: Place, files: Sequence[int]) -> None:
        if sum(plan.files[file].bytes for file in files) <= COUNTED_HERE_BYTES:
            for file in files:
                count_file(plan, place, file)
            return
        content, parts = plan.to_json(), place.text

        def count(batch: Batch) -> Batch:
            fault = ""
            try:
                count_file(
                    EncodePlan.from_json(content, "the plan"),
                    Place.at(parts),
                    int(batch["file"][0]),
                )
            except LengthwiseError as error:
                fault = str(error)
            return {"fault": np.array([fault], object)}

        items = [{"file": file} for file in files]
        dataset = _ray_data().from_items(items, override_num_blocks=len(items))
        dataset = dataset.map_batches(count, batch_size=1)
        for _ in _answers(dataset):
            pass

    def encode(
        self,
        plan: EncodePlan,
        place: Place,
        stripes: Sequence[Stripe],
        selection: Selection | None,
        on_rows: Callable[[int], None],
    ) -> list[StripeDone]:
        data = _ray_data()
        items = [asdict(stripe) for stripe in stripes]
        dataset = data.from_items(items, override_num_blocks=len(items)).map_batches(
            self.actor,
            fn_constructor_args=(
                plan.to_json(),
                place.text,
                self.device,
                selection,
                self.vector_cache,
            ),
            batch_size=1,
            compute=data.ActorPoolStrategy(size=min(self.workers, len(stripes))),
            num_cpus=self.cpus_per_worker,
            num_gpus=self._gpus,
        )
        done: list[StripeDone] = []
        for row in _answers(dataset):
            done.append(StripeDone(int(row["rows"]), int(row["encoded_rows"])))
            on_rows(done[-1].rows)
        return done


def _ray() -> Any:
    try:
        import ray  # noqa: PLC0415  # pyright: ignore[reportMissingImports]  heavy, and an extra
    except ImportError as error:
        raise MissingExtraError.for_module("ray", "ray") from error
    return ray


def _ray_data() -> Any:
    """Ray Data, quiet: progress is told by who asks for the encoding."""
    _ray()
    from ray import data  # noqa: PLC0415  # pyright: ignore[reportMissingImports]  as above

    context = data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    return data


def _answers(dataset: Any) -> Iterable[dict[str, Any]]:
    """What came back, as it comes.

    Raises:
        LengthIndexError: A worker told of a fault.
    """
    for row in dataset.iter_rows():
        if row["fault"]:
            raise LengthIndexError(row["fault"])
        yield row
