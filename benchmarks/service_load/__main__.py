"""The service beside the encoder alone, and beside a peer: `python -m benchmarks.service_load`."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.harness.aims import aims_table
from benchmarks.harness.options import base_parser, parsed
from benchmarks.harness.raw_encoder import (
    Encode,
    Timed,
    best_chunk,
    ready_encoder,
    sentence_transformers_encode,
    timed,
)
from benchmarks.harness.report import Report, finish, say
from benchmarks.harness.workloads import RecordList, SplitWorkload
from benchmarks.service_load.job import STREAM, LoadJob, LoadResult
from benchmarks.service_load.measure import Measurer, ServicePass
from benchmarks.service_load.servers import peer, predictor_service
from benchmarks.service_load.tables import (
    PeerPairs,
    cost_table,
    encoder_table,
    peer_table,
    service_aims,
    service_table,
    single_table,
)
from index_builder.build.builder import build_index
from lengthwise.index.index import LengthIndex
from lengthwise.index.store.folder_store import resolve_artifact
from lengthwise.index.store.layout import ArtifactLayout, read_manifest

CALLERS = (1, 8, 32, 128)
"""That ask one prompt at a time each, all at once."""

BATCH = LoadJob("batch", callers=2, prompts=0, per_message=128)
PEER_PAIRS = {
    "1 caller": LoadJob("unary", callers=1, prompts=0),
    "32 callers": LoadJob("unary", callers=32, prompts=0),
    "32 callers, coalesced": LoadJob("coalesced", callers=32, prompts=0),
    "batches of 128": LoadJob("batch", callers=1, prompts=0, per_message=128),
}
CONNECTIONS_PER_PROCESS = 4
"""The kernel deals connections out to the processes, so there must be more of them."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many prompts each kind of pass asks."""

    learnt: int
    asked: int
    asked_by_one: int
    asked_of_peer: int
    asked_of_peer_by_one: int

    @classmethod
    def from_mode(cls, *, quick: bool) -> "Sizes":
        """Those for a real run, or for a quick one."""
        return cls(1_000, 256, 64, 128, 32) if quick else cls(8_000, 2_000, 400, 512, 128)


def jobs(sizes: Sizes, processes: int, callers: Sequence[int]) -> list[LoadJob]:
    """The ways of asking that are measured."""
    connections = 1 if processes == 1 else processes * CONNECTIONS_PER_PROCESS
    asked = {1: sizes.asked_by_one}
    wanted = [
        *(LoadJob("unary", n, asked.get(n, sizes.asked)) for n in callers),
        *(LoadJob("stream", n, sizes.asked) for n in callers if n > 1),
        _sized(STREAM, sizes.asked, streams=1 if processes == 1 else 2 * processes),
        _sized(BATCH, sizes.asked, streams=BATCH.callers * processes),
    ]
    return [
        LoadJob(
            j.kind, j.callers, j.prompts, j.per_message, j.in_flight, min(connections, j.callers)
        )
        for j in wanted
    ]


def _sized(job: LoadJob, prompts: int, streams: int) -> LoadJob:
    return LoadJob(job.kind, streams, prompts, job.per_message, job.in_flight)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and report."""
    parser = base_parser("service_load", "The service beside the encoder alone and beside a peer.")
    parser.add_argument(
        "--processes", type=int, nargs="+", default=[1], help="numbers of processes to measure"
    )
    parser.add_argument(
        "--index",
        type=Path,
        help="store of an index to serve; without it one is made with the default encoder",
    )
    parser.add_argument("--skip-peer", action="store_true", help="without infinity-emb")
    options = parsed(parser, argv)
    sizes = Sizes.from_mode(quick=options.quick)
    workload = SplitWorkload.from_set(options.data).first(sizes.learnt, sizes.asked)
    prompts = [record.prompt for record in workload.asked]
    with TemporaryDirectory(prefix="lengthwise-bench-") as name:
        folder = Path(name)
        if options.index is None:
            encoder = ready_encoder(prompts)
            say("building the index")
            index = build_index(RecordList(workload.learnt), folder / "index", encoder).path
        else:
            index = resolve_artifact(options.index)
            encoder = LengthIndex.load(index).encoder
            encoder.encode(prompts)
        prompt_file = folder / "prompts.json"
        prompt_file.write_text(json.dumps(prompts), "utf-8")
        measured = _measure(options, sizes, Subject(encoder.encode, index, prompts, prompt_file))
        rows = read_manifest(ArtifactLayout(index)).rows
        of_set = "" if options.index else " of alpaca_vicuna7b_train"
        served = f"{encoder.runtime}, {rows:,} rows{of_set}"
    finish(_report(options, sizes, served, measured), options.json)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is measured.

    Args:
        encode: The encoder alone, in this process.
        index: Store or artifact that the service serves.
        prompts: What the service is asked about.
        prompt_file: The same as a JSON list.
    """

    encode: Encode
    index: Path
    prompts: list[str]
    prompt_file: Path


@dataclass(slots=True)
class Measured:
    """Everything that was measured; what is compared stands in pairs."""

    chunks: dict[str, list[Timed]] = field(default_factory=dict[str, list[Timed]])
    asked: list[ServicePass] = field(default_factory=list[ServicePass])
    singles: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    peers: PeerPairs = field(default_factory=dict[str, list[tuple[LoadResult, LoadResult]]])


def _measure(options: argparse.Namespace, sizes: Sizes, subject: Subject) -> Measured:
    measured = Measured()
    best = _measure_encoder(subject, options.repeats, measured)
    for processes in options.processes:
        say(f"the service, processes: {processes}")
        folder = subject.prompt_file.parent
        with (
            predictor_service(subject.index, folder, processes) as server,
            Measurer(
                server, subject.prompt_file, subject.prompts, subject.encode, best
            ) as measurer,
        ):
            callers = (1, 32) if options.quick else CALLERS
            _measure_service(
                measurer, jobs(sizes, processes, callers), processes, options, measured
            )
            if processes == 1:
                measured.singles = [
                    measurer.single(sizes.asked_by_one) for _ in range(options.repeats)
                ]
            if processes == 1 and not options.skip_peer:
                measured.peers = _beside_peer(measurer, sizes, subject.prompt_file, options.repeats)
    return measured


def _measure_encoder(subject: Subject, repeats: int, measured: Measured) -> int:
    """Measure the encoder alone; gives its fastest size of call."""
    say("the encoder alone")
    chunks = best_chunk(subject.encode, subject.prompts, repeats)
    count = len(subject.prompts)
    measured.chunks = {f"calls of {c or f'all {count:,}'}": found for c, found in chunks.items()}
    other = sentence_transformers_encode(subject.prompts)
    measured.chunks["default encoder, sentence-transformers, batch 32"] = [
        timed(other, subject.prompts) for _ in range(repeats)
    ]
    return max(chunks, key=lambda c: median(t.rate for t in chunks[c]))


def _measure_service(
    measurer: Measurer,
    wanted: Sequence[LoadJob],
    processes: int,
    options: argparse.Namespace,
    measured: Measured,
) -> None:
    for job in wanted:
        measurer.warm_up(job)
    for _ in range(options.repeats):
        measured.asked += [measurer.beside_encoder(job, processes) for job in wanted]


def _beside_peer(measurer: Measurer, sizes: Sizes, prompt_file: Path, repeats: int) -> PeerPairs:
    """The service and the peer in turns."""
    say("the service beside the peer")
    found: PeerPairs = {name: [] for name in PEER_PAIRS}
    with peer() as server, Measurer(server, prompt_file, [], None, 0) as other:
        for repeat in range(repeats + 1):
            for name, job in PEER_PAIRS.items():
                alone = job.callers == 1 and job.kind == "unary"
                count = sizes.asked_of_peer_by_one if alone else sizes.asked_of_peer
                ours = measurer.load(replace(job, prompts=count))
                theirs = other.load(replace(job, kind="http", prompts=count))
                if repeat:  # the first round is for warming up
                    found[name].append((ours, theirs))
    return found


def _report(options: argparse.Namespace, sizes: Sizes, served: str, measured: Measured) -> Report:
    tables = [service_table(measured.asked), cost_table(measured.asked)]
    if measured.singles:
        tables.append(single_table(measured.singles))
    if measured.peers:
        tables.append(peer_table(measured.peers))
    aims = aims_table(service_aims(measured.asked, measured.singles, measured.peers))
    tables += [encoder_table(measured.chunks), aims]
    notes = [
        f"Encoder and index: {served}; asked: {sizes.asked:,} prompts of alpaca_vicuna7b_train, "
        "each once in a pass; the service's cache is off.",
        "Each pass of the service follows a pass of the raw encoder (its fastest size of call) "
        "over the same prompts; ratios are of such pairs.",
        "The load generator is a process of its own on the same cores.",
    ]
    return Report("service_load", options.command, tables, notes)


if __name__ == "__main__":
    main()
