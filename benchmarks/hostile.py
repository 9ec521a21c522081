"""Whether hostile callers can bring the service down, fill its memory or slow others down.

`python -m benchmarks.hostile --json OUT`
"""

import argparse
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.hostile_attacks import FUZZED, RANDOM, SHARES, Tally
from benchmarks.hostile_bystander import Bystander
from benchmarks.hostile_child import Attacker, Job
from benchmarks.hostile_fuzz import can_fuzz, found_bodies, fuzz
from benchmarks.hostile_service import FAULTS, Attacked, attacked_service
from benchmarks.hostile_tables import hostile_report, summary
from benchmarks.options import recorded_command
from benchmarks.raw_encoder import ready_encoder
from benchmarks.report import finish
from benchmarks.say import say
from benchmarks.template_workload import template_records
from benchmarks.workloads import RecordList
from index_builder.build.builder import build_index

INDEX_ROWS = 1_000
OPEN_SHARE = 0.8
"""Of the messages: to a service without rates, where most get through to what may break."""
ROUNDS = 10
ALONE_S = 8.0
WARM_UP_S = 3.0
LIMITS = (
    *("--max-messages-per-s", "200", "--max-message-burst", "200"),
    *("--max-items-per-s", "20", "--max-batch-items", "64"),
)
"""As an operator would set them who expects such callers."""


@dataclass(slots=True)
class Phase:
    """What one of the two services went through.

    Args:
        name: Of the service.
        tallies: Of each attack.
        codes: Calls by gRPC status.
        before_mib: Memory before the first attack.
        peak_mib: The most of it.
        after_mib: Memory after the last.
        crashes: Times that the service ended.
    """

    name: str
    tallies: dict[str, Tally] = field(default_factory=dict[str, Tally])
    codes: dict[str, int] = field(default_factory=dict[str, int])
    before_mib: float = 0.0
    peak_mib: float = 0.0
    after_mib: float = 0.0
    crashes: int = 0

    @property
    def faults(self) -> int:
        """Calls that were answered with a fault of the service."""
        return sum(self.codes.get(code, 0) for code in FAULTS)

    def close(self, service: Attacked) -> None:
        """Note how the service is at the end."""
        self.crashes += not service.alive
        if service.alive:
            self.codes = service.codes()
            self.after_mib = service.rss_mib
        self.peak_mib = max(service.peak_mib, self.after_mib)


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """What coverage-guided fuzzing found.

    Args:
        folder: Of the inputs; None where there was no fuzzing.
        inputs: That reached something new.
        crashed: Whether one raised what no caller may cause.
    """

    folder: Path | None = None
    inputs: int = 0
    crashed: bool = False


@dataclass(slots=True)
class Found:
    """Everything that was found.

    Args:
        phases: The service without rates, and that with.
        fuzzed: What was found beforehand.
        alone_ms: What another caller's predictions took, in between the attacks.
        beside_ms: During them.
        failed: What it was told in place of predictions.
    """

    phases: list[Phase]
    fuzzed: Fuzzed
    alone_ms: list[float] = field(default_factory=list[float])
    beside_ms: list[float] = field(default_factory=list[float])
    failed: list[str] = field(default_factory=list[str])

    @property
    def shares(self) -> dict[str, float]:
        """Of each attack; random bytes take the place of what was not fuzzed for."""
        shares = dict(SHARES)
        if not self.fuzzed.inputs:
            shares[RANDOM] += shares.pop(FUZZED)
        return shares


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
) -> Found:
    say("building a small index")
    records = template_records(INDEX_ROWS)
    encoder = ready_encoder([record.prompt for record in records[:100]])
    index = build_index(RecordList(records), folder / "index", encoder).path
    found = Found([Phase("without rates"), Phase("with rates")], fuzzed)
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
    service: Attacked, attacker: Attacker, found: Found, messages: int, seed: int
) -> None:
    phase = found.phases[0]
    phase.before_mib = service.rss_mib
    for job in _jobs(found.shares, messages, seed, service.port, ("",)):
        say(f"{phase.name}: {job.count:,} messages, {job.attack}")
        attacker.start(job)
        phase.tallies.setdefault(job.attack, Tally()).add(attacker.result())
        if not service.alive:
            break
    phase.close(service)


def _attack_beside(
    service: Attacked,
    attacker: Attacker,
    found: Found,
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
            phase.tallies.setdefault(job.attack, Tally()).add(attacker.result())
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
