"""How many rows each LLM has in each file: what a selection is made from."""

import json
from collections import Counter
from collections.abc import Callable

from index_builder.distributed.place import Place
from index_builder.distributed.plan import EncodePlan
from index_builder.distributed.selection import Selection
from index_builder.distributed.stripe_encoder import FileReader, local_file


def count_file(plan: EncodePlan, place: Place, file: int) -> None:
    """Count a file's rows by LLM and write that beside the parts.

    Raises:
        HistoryReadError: The file cannot be read, or a row of it under "stop".
        StoreError: The counts cannot be written.
    """
    with local_file(plan.files[file]) as path:
        counts = Counter(record.model for record in FileReader(path, plan))
    place.write(_name(file), json.dumps(counts).encode())


def selection_of(
    plan: EncodePlan, place: Place, count: Callable[[list[int]], None]
) -> Selection | None:
    """Which rows of a history are to be encoded; None where all are.

    Args:
        plan: Says how many of each LLM are kept.
        place: Holds the counts of files that were counted before.
        count: Counts the files of some numbers.
    """
    if not plan.keep_per_model:
        return None
    missing = [f for f in range(len(plan.files)) if place.read(_name(f)) is None]
    if missing:
        count(missing)
    found = [place.read(_name(file)) for file in range(len(plan.files))]
    counts = [json.loads(one.to_pybytes()) for one in found if one is not None]
    selection = Selection(counts, plan.keep_per_model)
    return None if selection.keeps_all else selection


def _name(file: int) -> str:
    return f"counts/{file:06d}.json"
