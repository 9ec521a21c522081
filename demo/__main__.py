"""The main job from end to end: history in, index built, service asked, schedule compared."""

import argparse
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from demo.sample_history import SAMPLE_ROWS, write_sample_history
from demo.service_process import DemoError, running_service
from demo.tables import completion_times, predictions_table, schedules_table
from index_builder.build.builder import build_index
from index_builder.cli.progress import terminal_progress
from lengthwise.history.files import History, ReadOptions
from lengthwise.history.split import SplitHistory
from lengthwise.index.encoder.encoder import load_encoder
from lengthwise.index.errors import LengthIndexError
from lengthwise.index.record import HistoryRecord
from scheduler_client import (
    LengthPredictorClient,
    LengthPredictorError,
    Prediction,
    PredictionQuery,
    ServiceTimeModel,
    dispatch_order,
    shortest_first_key,
)

SHOWN = 12
"""Predictions in the table."""

SCHEDULED = 64
"""Requests in the preview of a schedule."""

SLOTS = 4
"""Requests that run at once in it."""

HELD_OUT_SHARE = 0.1
"""Of a history of one's own, to ask about."""

SEED = 0
"""Of that choice."""

console = Console()


def main() -> None:
    """Run the demo; what goes wrong on purpose is one line."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--history", help="your own past prompts and lengths (default: generated)")
    arguments = parser.parse_args()
    try:
        with TemporaryDirectory(prefix="lengthwise-demo-") as folder:
            run(arguments.history, Path(folder))
    except (DemoError, LengthIndexError, LengthPredictorError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def run(history: str | None, folder: Path) -> None:
    """Build, serve, ask, compare, stop.

    Args:
        history: Path of the user's own history; None takes a generated one.
        folder: For everything the demo writes.
    """
    source = open_history(history, folder)
    console.rule("1. History in, index out")
    build(source, folder / "index")
    asked = choose(SplitHistory(source, HELD_OUT_SHARE, SEED, held_out=True))
    console.rule("2. Predictions over gRPC")
    with running_service(folder / "index", folder) as target:
        console.print(f"The service answers on {target}.", highlight=False)
        predictions = ask(target, asked)
        console.print(predictions_table(asked[:SHOWN], predictions[:SHOWN]))
        console.print(
            f"{share_inside(asked, predictions):.0%} of {len(asked)} true lengths lie in "
            "their 90 % interval; those outside are yellow.",
            highlight=False,
        )
    console.rule("3. Shortest job first")
    console.print(compare_orders(asked, predictions))
    console.print("The service has stopped cleanly.")


def open_history(history: str | None, folder: Path) -> History:
    """The user's history, or a generated one."""
    if history is None:
        path = folder / "sample.jsonl.gz"
        write_sample_history(path)
        console.print(
            f"[bold]The history is GENERATED[/]: {SAMPLE_ROWS:,} made-up prompts, lengths drawn "
            "at random, no LLM measured.\nYour own: make demo HISTORY=path/to/file",
            highlight=False,
        )
        return History.from_paths([path])
    console.print(f"History: {history}", highlight=False)
    return History.from_paths([history], ReadOptions(on_error="skip"))


def build(source: History, out: Path) -> None:
    """Build an index from nine tenths of a history."""
    encoder = load_encoder()
    console.print(f"Encoder {encoder.name} on {encoder.runtime}", highlight=False)
    with terminal_progress(source) as progress:
        learnt = SplitHistory(source, HELD_OUT_SHARE, SEED, held_out=False)
        result = build_index(learnt, out, encoder, progress=progress)
    console.print(source.report.summary(), highlight=False)
    console.print(f"{result.manifest.rows:,} of them in the index", highlight=False)


def choose(held_out: SplitHistory) -> list[HistoryRecord]:
    """Some held-out rows whose true length is known, in random order."""
    known = [record for record in held_out if not record.censored]
    random.Random(SEED).shuffle(known)
    if not known:
        raise DemoError("the history leaves no row to ask about: it needs some 100 rows or more")
    return known[:SCHEDULED]


def ask(target: str, records: Sequence[HistoryRecord]) -> list[Prediction]:
    """Predictions of the service, one per record."""
    queries = [
        PredictionQuery(r.prompt, model=r.model, neighbour_count=1, include_neighbour_text=True)
        for r in records
    ]
    with LengthPredictorClient(target) as client:
        return client.predict_many(queries, raise_on_failure=True)


def share_inside(records: Sequence[HistoryRecord], predictions: Sequence[Prediction]) -> float:
    """Share of true lengths inside their 90 % interval."""
    pairs = zip(records, predictions, strict=True)
    inside = [p.quantile(0.05) <= r.output_tokens <= p.quantile(0.95) for r, p in pairs]
    return sum(inside) / len(inside)


def compare_orders(records: Sequence[HistoryRecord], predictions: Sequence[Prediction]) -> Table:
    """Completion times as they came, by predicted length, and by true length."""
    model = ServiceTimeModel()
    durations = [model.service_time_s(r.output_tokens) for r in records]
    by_prediction = [shortest_first_key(model.predicted_service_time_s(p)) for p in predictions]
    orders = {
        "first come first served": list(range(len(records))),
        "shortest predicted job first": dispatch_order(by_prediction),
        "shortest true job first (oracle)": dispatch_order(
            [shortest_first_key(duration) for duration in durations]
        ),
    }
    schedules = {name: completion_times(durations, o, SLOTS) for name, o in orders.items()}
    return schedules_table(schedules, len(records), SLOTS)


if __name__ == "__main__":
    main()
