"""What a unary call costs around the encoder: `python -m benchmarks.unary`.

The encoder is made free, so that all the rest is seen; with --index the same calls are also asked
with the real one. With --baseline the service and the client of another commit take turns with
these.
"""

import argparse
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness.children import LineChild
from benchmarks.harness.options import base_parser, parsed
from benchmarks.harness.report import finish, say
from benchmarks.service_load.servers import (
    Server,
    code_of,
    module_server,
    predictor_service,
)
from benchmarks.unary.callers import WARM_UP_CALLS, Answered, Asked
from benchmarks.unary.tables import (
    BASELINE,
    COALESCED,
    GRPC_ALONE,
    NOW,
    UNIX,
    Way,
    unary_report,
)
from testbed.process_tree import resident_mib

WARM_UP_SERVICE_CALLS = 200
"""Of each service before anything is measured."""

SLICES = 10
"""Of each pass: the ways take turns slice by slice, since others on the machine come and go within
seconds."""

QUICK_CALLS = 800
"""Fewer would take no more CPU time than the clock of processes can show."""

CALLERS = (1, 32)
"""Tasks that ask at the same time."""

PROJECT = Path(__file__).resolve().parents[2]

TOOLS = ("benchmarks", "testbed")
"""Packages that win over those of another commit: what measures is the same for both."""

TCP = "127.0.0.1"


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and report."""
    parser = base_parser("unary", "What a unary call costs around the encoder.", repeats=5)
    parser.add_argument("--baseline", type=Path, help="a checkout that is measured beside this")
    parser.add_argument("--index", type=Path, help="store of an index to ask as well")
    parser.add_argument(
        "--baseline-index",
        type=Path,
        help="store of the index that the other commit serves, where it is another than --index",
    )
    parser.add_argument("--calls", type=int, default=2_000, help="in a pass of 32 callers")
    options = parsed(parser, argv)
    found: dict[bool, list[dict[Way, Answered]]] = {}
    peaks_mib: dict[str, float] = {}
    with TemporaryDirectory(prefix="lengthwise-bench-") as name:
        folder = Path(name)
        (folder / "overlay").mkdir()
        for tool in TOOLS:
            (folder / "overlay" / tool).symlink_to(PROJECT / tool)
        with _free_servers(options, folder) as children:
            found[True] = _rounds(options, children, options.calls)
        if options.index is not None:
            with _real_servers(options, folder) as (children, pids):
                found[False] = _rounds(options, children, options.calls // 5)
                peaks_mib = {name: resident_mib(pid, peak=True) for name, pid in pids.items()}
    finish(unary_report(options.command, found, peaks_mib), options.json)


def _rounds(
    options: argparse.Namespace, children: dict[str, LineChild], calls: int
) -> list[dict[Way, Answered]]:
    if options.quick:
        calls = min(calls, QUICK_CALLS)
    numbers = count(0, calls + WARM_UP_CALLS)
    ways = [Way(name, callers) for callers in CALLERS for name in _names(children)]
    rounds: list[dict[Way, Answered]] = []
    for child in children.values():
        _ask(
            child,
            Asked(callers=32, calls=WARM_UP_SERVICE_CALLS, coalesced=False, first=next(numbers)),
        )
    for number in range(options.repeats):
        say(f"round {number + 1} of {options.repeats}")
        slices: dict[Way, list[Answered]] = {way: [] for way in ways}
        for place in range(SLICES):
            for way in ways[:: -1 if place % 2 else 1]:
                in_all = calls if way.callers > 1 else calls // 4
                asked = Asked(way.callers, in_all // SLICES, way.name == COALESCED, next(numbers))
                child = children[NOW if way.name == COALESCED else way.name]
                slices[way].append(_ask(child, asked))
        rounds.append({way: Answered.together(parts) for way, parts in slices.items()})
    return rounds


def _ask(child: LineChild, asked: Asked) -> Answered:
    return Answered(**child.ask(**asked.to_dict()))


def _names(children: dict[str, LineChild]) -> list[str]:
    return [name for known in children for name in ((NOW, COALESCED) if known == NOW else (known,))]


@contextmanager
def _free_servers(options: argparse.Namespace, folder: Path) -> Generator[dict[str, LineChild]]:
    with ExitStack() as stack:

        def pair(name: str, module: str, host: str, checkout: Path | None = None) -> LineChild:
            environment = {} if checkout is None else code_of(checkout, folder / "overlay")
            arguments = [host] if host else []
            place = folder / name.replace(" ", "-")
            place.mkdir()
            server = stack.enter_context(
                module_server(module, *arguments, port_file=place / "port", environment=environment)
            )
            target = host if host.startswith("unix:") else f"{TCP}:{server.port}"
            return stack.enter_context(_child(target, server, environment))

        service = "benchmarks.unary.free_service"
        children = {GRPC_ALONE: pair(GRPC_ALONE, "benchmarks.unary.grpc_alone", "")}
        if options.baseline:
            children[BASELINE] = pair(BASELINE, service, TCP, options.baseline)
        children[NOW] = pair(NOW, service, TCP)
        children[UNIX] = pair(UNIX, service, f"unix:{folder / 'socket'}")
        yield children


@contextmanager
def _real_servers(
    options: argparse.Namespace, folder: Path
) -> Generator[tuple[dict[str, LineChild], dict[str, int]]]:
    """Those that ask the services of an index, and the services' processes, by their names."""
    checkouts = ({BASELINE: options.baseline} if options.baseline else {}) | {NOW: None}
    with ExitStack() as stack:
        children: dict[str, LineChild] = {}
        pids: dict[str, int] = {}
        for name, checkout in checkouts.items():
            index = options.index if name == NOW else options.baseline_index or options.index
            server = stack.enter_context(predictor_service(index, folder, 1, checkout=checkout))
            pids[name] = server.pid
            environment = {} if checkout is None else code_of(checkout, folder / "overlay")
            target = f"{TCP}:{server.port}"
            children[name] = stack.enter_context(_child(target, server, environment))
        yield children, pids


def _child(target: str, server: Server, environment: dict[str, str]) -> LineChild:
    arguments = (target, str(server.pid))
    return LineChild("benchmarks.unary.callers", *arguments, environment=environment)


if __name__ == "__main__":
    main()
