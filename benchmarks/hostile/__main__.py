"""Whether hostile callers can bring the service down, fill its memory or slow others down.

`python -m benchmarks.hostile --json OUT`
"""

import argparse
import secrets
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness.options import recorded_command
from benchmarks.harness.raw_encoder import ready_encoder
from benchmarks.harness.report import finish, say
from benchmarks.harness.template_workload import template_records
from benchmarks.harness.workloads import RecordList
from benchmarks.hostile.attacks import AttackCounts
from benchmarks.hostile.bystander import Bystander
from benchmarks.hostile.child import Attacker, Job
from benchmarks.hostile.fuzz import can_fuzz, found_bodies, fuzz
from benchmarks.hostile.service import Attacked, attacked_service
from benchmarks.hostile.tables import Fuzzed, HostileFindings, Phase, hostile_report, summary
from index_builder.build.builder import build_index

INDEX_ROWS = 1_000
"""Rows of the index that is served: it only has to answer."""

OPEN_SHARE = 0.8
"""Of the messages: to a service without rates, where most get through to what may break."""
ROUNDS = 10
"""Turns of the other caller alone and beside the attacks."""

ALONE_S = 8.0
"""How long the other caller asks alone in each turn, in seconds."""

WARM_UP_S = 3.0
"""How long it asks before anything counts, in seconds."""

LIMITS = shlex.split(
    "--max-messages-per-s 200 --max-message-burst 200 --max-items-per-s 20 --max-batch-items 64"
)
"""As an operator would set them who expects such callers."""


def main(argv: Sequence[str] | None = None) -> None:
    """Attack and report."""
    options = _options(argv)
    with TemporaryDirectory(prefix="lengthwise-hostile-") as name:
        folder = Path(name)
        fuzzed = _fuzz(options.fuzz_s, folder / "fuzzed")
        with Attacker(fuzzed.folder) as attacker:
            found = _measure(options, folder, attacker, fuzzed)
    finish(hostile_report(options.command, found), options.json, summary(found))


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.hostile", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("--messages", type=int, default=1_000_000, help="tried in all")
    parser.add_argument("--seed", type=int, default=0, help="of what they hold")
    parser.add_argument(
        "--fuzz-s", type=int, default=60, help="seconds of fuzzing first, if atheris is installed"
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of attacks beside the caller")
    parser.add_argument("--json", type=Path, help="also write the results here")
    options = parser.parse_args(argv)
    if options.messages < 1_000 or options.rounds < 1:
        parser.error("expected --messages of at least 1000 and --rounds of at least 1")
    options.command = recorded_command(parser.prog, sys.argv[1:] if argv is None else argv)
    return options


def _fuzz(seconds: int, folder: Path) -> Fuzzed:
    if not seconds or not can_fuzz():
        return Fuzzed()
    say(f"fuzzing for {seconds} s")
    passed = fuzz(folder, seconds)
    return Fuzzed(folder, len(found_bodies(folder)), crashed=not passed)


def _measure(
    options: argparse.Namespace, folder: Path, attacker: Attacker, fuzzed: Fuzzed
) -> HostileFindings:
    say("building a small index")
    records = template_records(INDEX_ROWS)
    encoder = ready_encoder([record.prompt for record in records[:100]])
    index = build_index(RecordList(records), folder / "index", encoder).path
    found = HostileFindings([Phase("without rates"), Phase("with rates")], fuzzed)
    unlimited = round(options.messages * OPEN_SHARE)
    with attacked_service(index, folder, ()) as service:
        _attack_openly(service, attacker, found, unlimited, options.seed)
    tokens = _tokens(folder)
    protected = [*LIMITS, "--predict-token-file", str(tokens), "--report-token-file", str(tokens)]
    with attacked_service(index, folder, protected) as service:
        _attack_beside(service, attacker, found, options, folder)
    return found


def _tokens(folder: Path) -> Path:
    """A token for the hostile, who may be customers too, and one for the other caller."""
    hostile, bystander = secrets.token_hex(16), secrets.token_hex(16)
    (folder / "hostile").write_text(hostile)
    (folder / "bystander").write_text(bystander)
    tokens = folder / "tokens"
    tokens.write_text(f"hostile {hostile}\nbystander {bystander}\n")
    return tokens


def _attack_openly(
    service: Attacked, attacker: Attacker, found: HostileFindings, messages: int, seed: int
) -> None:
    phase = found.phases[0]
    phase.before_mib = service.rss_mib
    for job in _jobs(found.shares, messages, seed, service.port, ("",)):
        say(f"{phase.name}: {job.count:,} messages, {job.attack}")
        attacker.start(job)
        phase.counts.setdefault(job.attack, AttackCounts()).add(attacker.result())
        if not service.alive:
            break
    phase.close(service)


def _attack_beside(
    service: Attacked,
    attacker: Attacker,
    found: HostileFindings,
    options: argparse.Namespace,
    folder: Path,
) -> None:
    phase = found.phases[1]
    messages = options.messages - round(options.messages * OPEN_SHARE)
    bystander = Bystander(service.port, folder / "bystander")
    bystander.ask_for(WARM_UP_S)
    phase.before_mib = service.rss_mib
    tokens = ("", (folder / "hostile").read_text())
    for i in range(options.rounds):
        say(f"{phase.name}: round {i + 1} of {options.rounds}")
        found.alone_ms += bystander.ask_for(ALONE_S)
        seed = options.seed + 1_000 * (i + 1)
        for job in _jobs(found.shares, messages // options.rounds, seed, service.port, tokens):
            attacker.start(job)
            found.beside_ms += bystander.ask_while(lambda: not attacker.is_done)
            phase.counts.setdefault(job.attack, AttackCounts()).add(attacker.result())
    found.failed = bystander.failed
    bystander.close()
    phase.close(service)


def _jobs(
    shares: Mapping[str, float], messages: int, seed: int, port: int, tokens: Sequence[str]
) -> Iterator[Job]:
    """The attacks of a round, each shared among the tokens."""
    for i, (attack, share) in enumerate(shares.items()):
        for j, token in enumerate(tokens):
            count = max(1, round(messages * share / len(tokens)))
            yield Job(attack, count, seed + 10 * i + j, port, token)


if __name__ == "__main__":
    main()
