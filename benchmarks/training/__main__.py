"""What training on the history's own lengths brings: `python -m benchmarks.training`."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness.aims import Aim, aims_table
from benchmarks.harness.options import base_parser, parsed
from benchmarks.harness.report import Report, finish, say
from benchmarks.harness.template_workload import template_records
from benchmarks.harness.workloads import (
    ARENA,
    BY_CONVERSATION,
    CHATDOCTOR,
    DAVINCI,
    SHAREGPT,
    VICUNA,
    RecordList,
    learnt_and_asked,
    read_records,
)
from benchmarks.training.before import build_trained
from benchmarks.training.tables import away_table, cost_table, points_table, spans_table
from index_builder.baselines.registry import baseline_names
from index_builder.build.builder import SilentProgress
from index_builder.evaluate import evaluate_file
from index_builder.evaluation.evaluation import Evaluation
from index_builder.training.options import TrainOptions
from lengthwise.index.index import LengthIndex
from lengthwise.index.record import HistoryRecord

QUICK_ROWS = 600
"""Rows learnt and asked with --quick."""

DEFAULT_EPOCHS = TrainOptions().epochs
AWAY = (CHATDOCTOR, ARENA, "gpteacher_gpt4")
"""Sets that are asked about as well, for which nothing was learnt."""


@dataclass(frozen=True, slots=True)
class Case:
    """A history that is learnt from and rows that are asked about.

    Args:
        name: On the command line and in the tables.
        what: What is learnt and asked, for people.
        learnt: Rows to train on and to index.
        asked: Rows asked about, none of whose prompts is learnt.
        first: Other LLMs' rows to learn from before.
        away: Sets to ask about as well, for which nothing was learnt.
    """

    name: str
    what: str
    learnt: Sequence[HistoryRecord]
    asked: Sequence[HistoryRecord]
    first: Sequence[HistoryRecord] = ()
    away: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Trained:
    """What came of a case.

    Args:
        case: Name of the case, as on the command line.
        what: What was learnt and asked, for people.
        evaluation: Of the rows asked about.
        rows: Rows learnt from and indexed.
        first_rows: Rows of other LLMs that were learnt from before.
        taus: Validation tau-b after each pass.
        build_s: Training, encoding and indexing together; None if it was trained before.
        away: Evaluations of sets that nothing was learnt for, by name.
    """

    case: str
    what: str
    evaluation: Evaluation
    rows: int
    first_rows: int
    taus: tuple[float, ...]
    build_s: float | None
    away: dict[str, Evaluation] = field(default_factory=dict[str, Evaluation])


def vicuna(data: Path) -> Case:
    """The Vicuna history alone."""
    learnt, asked = learnt_and_asked(read_records(data, VICUNA))
    return Case("vicuna", "Vicuna alone", learnt, asked, away=AWAY)


def vicuna_after_davinci(data: Path) -> Case:
    """The same, with another LLM's history to learn from first."""
    learnt, asked = learnt_and_asked(read_records(data, VICUNA))
    tested = {record.prompt for record in asked}
    first = [r for r in read_records(data, DAVINCI) if r.prompt not in tested]
    return Case("after-davinci", "Vicuna after davinci", learnt, asked, first=first)


def longest_of_four(data: Path) -> Case:
    """Response Length Perception's protocol (Zheng et al. 2023, arXiv 2305.13144)."""
    records = [
        replace(r, output_tokens=max(r.output_tokens, *r.samples), samples=())
        for r in read_records(data, VICUNA)
    ]
    return Case("longest", "Vicuna, longest of 4 draws", *learnt_and_asked(records))


def sharegpt(data: Path) -> Case:
    """Real conversations, kept together."""
    records = read_records(data, SHAREGPT, BY_CONVERSATION)
    return Case("sharegpt", "ShareGPT turns", *learnt_and_asked(records))


def templates(_: Path) -> Case:
    """Templates with slots, as most API traffic is; made with a fixed seed."""
    learnt, asked = learnt_and_asked(template_records(4_000))
    # The history holds one answer to each prompt, as logs do.
    return Case("templates", "templates (made)", [replace(r, samples=()) for r in learnt], asked)


CASES: dict[str, Callable[[Path], Case]] = {
    "vicuna": vicuna,
    "after-davinci": vicuna_after_davinci,
    "longest": longest_of_four,
    "sharegpt": sharegpt,
    "templates": templates,
}


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and report."""
    parser = base_parser("training", "What training on the history brings.", repeats=1)
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES), help="cases")
    parser.add_argument("--peers", default="cheap", help="predictors beside it, as in evaluate")
    parser.add_argument("--seed", type=int, default=0, help="of the training")
    parser.add_argument(
        "--keep",
        type=Path,
        help="folder in which trained indexes are kept, one for each case; those found there are "
        "not trained, but built again from their encoder",
    )
    options = parsed(parser, argv)
    found = [_run(CASES[name](options.data), options) for name in options.only]
    finish(_report(options.command, found), options.json)


def _run(case: Case, options: argparse.Namespace) -> Trained:
    say(f"{case.what}: {len(case.learnt):,} rows, {len(case.first):,} before")
    limit = QUICK_ROWS if options.quick else None
    training = TrainOptions(seed=options.seed, epochs=1 if options.quick else DEFAULT_EPOCHS)
    baselines = baseline_names(options.peers)
    with TemporaryDirectory(prefix="lengthwise-bench-") as folder:
        out = Path(folder) if options.keep is None else options.keep / case.name
        learnt, first = RecordList(case.learnt[:limit]), list(case.first[:limit])
        built, build_s = build_trained(learnt, first, out, training)
        index = LengthIndex.load(built.path)
        asked = case.asked[:limit]
        evaluation = evaluate_file(index, asked, SilentProgress(), baselines=baselines)
        away = {
            name: evaluate_file(index, read_records(options.data, name)[:limit], SilentProgress())
            for name in case.away
        }
    facts = built.manifest.training
    assert facts is not None, "it was trained"  # noqa: S101
    return Trained(
        case=case.name,
        what=case.what,
        evaluation=evaluation,
        rows=built.manifest.rows,
        first_rows=facts.first_rows,
        taus=facts.validation_kendall_tau_b,
        build_s=build_s,
        away=away,
    )


def _report(command: str, found: Sequence[Trained]) -> Report:
    named = [(one.what, "", one.evaluation) for one in found]
    away = [(name, one.what, e) for one in found for name, e in one.away.items()]
    tables = [
        points_table(named),
        spans_table(named),
        *([away_table(away)] if away else []),
        cost_table([(o.what, o.rows, o.first_rows, o.build_s, o.taus) for o in found]),
        aims_table(_aims({one.case: one.evaluation for one in found})),
    ]
    notes = [
        "Four fifths of each set are learnt from and indexed, the rest is asked about; rows of one "
        "prompt or conversation stay together.",
        "trained: head and neighbours together, as served. alise: neighbours in the trained space.",
    ]
    return Report("training", command, tables, notes)


def _aims(by_case: dict[str, Evaluation]) -> list[Aim]:
    aims: list[Aim] = []
    for case, tau, mae, w50, w100 in (
        ("vicuna", 0.625, 46.5, 0.68, 0.88),
        ("after-davinci", 0.635, 45, 0.68, 0.88),
        ("longest", None, 47, 0.67, 0.88),
    ):
        if case not in by_case:
            continue
        evaluation = by_case[case]
        served = evaluation.metrics[evaluation.predictor]
        if tau is not None:
            value = served.kendall_tau_b or 0.0
            aims.append(Aim(f"tau-b, {case}", value, at_least=tau, form="{:.3f}"))
        aims += [
            Aim(f"MAE, {case}", served.mae, at_most=mae, form="{:.1f} tokens"),
            Aim(f"within 50, {case}", served.within_50, at_least=w50, form="{:.1%}"),
            Aim(f"within 100, {case}", served.within_100, at_least=w100, form="{:.1%}"),
        ]
    if "vicuna" in by_case:
        evaluation = by_case["vicuna"]
        alone = evaluation.metrics["neighbours_alone"].kendall_tau_b or 0.0
        covered = evaluation.metrics[evaluation.predictor].coverage_90 or 0.0
        aims += [
            Aim("tau-b of retrieval alone, vicuna", alone, at_least=0.62, form="{:.3f}"),
            Aim("coverage of 90 % intervals, vicuna", covered, at_least=0.89, form="{:.1%}"),
            Aim("the same, not too wide", covered, at_most=0.91, form="{:.1%}"),
        ]
    return aims


if __name__ == "__main__":
    main()
