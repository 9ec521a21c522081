"""Ways to run the encoder on this CPU, and what they cost in accuracy.

`python -m benchmarks.encoder`. Each runs in a process of its own; they are measured in rounds.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.aims import Aim, aims_table
from benchmarks.backends_child import BATCH
from benchmarks.children import LineChild
from benchmarks.encoder_variants import REFERENCE, SHIPPED, VARIANTS, Variant
from benchmarks.environments import BACKENDS
from benchmarks.options import base_parser, parsed
from benchmarks.precomputed import evaluate_vectors
from benchmarks.report import Report, finish
from benchmarks.say import say
from benchmarks.spread import Spread, ratio_spread
from benchmarks.table import Column, Row, Table
from benchmarks.workloads import SplitWorkload, unique_prompts
from lengthwise.index.arrays import FloatMatrix
from lengthwise.index.encoder.encoder import DEFAULT_ENCODER, locate_encoder

CALIBRATION_TEXTS = 300


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured."""

    learnt: int
    asked: int
    batched: int
    single: int

    @classmethod
    def of(cls, *, quick: bool) -> "Sizes":
        """Those for a real run, or for a quick one."""
        return cls(600, 200, 128, 16) if quick else cls(8_000, 2_000, 1_024, 100)


@dataclass(slots=True)
class Measured:
    """What the rounds found of one variant."""

    sorted_rates: list[float] = field(default_factory=list[float])
    rates: list[float] = field(default_factory=list[float])
    cpu_ms: list[float] = field(default_factory=list[float])
    p50_ms: list[float] = field(default_factory=list[float])

    def add_round(self, child: LineChild, sizes: Sizes) -> None:
        """Measure once more."""
        by_length = child.ask(what="batches", count=sizes.batched, by_length=True)
        mixed = child.ask(what="batches", count=sizes.batched, by_length=False)
        self.sorted_rates.append(by_length["rate"])
        self.rates.append(mixed["rate"])
        self.cpu_ms.append(mixed["cpu_ms"])
        self.p50_ms.append(child.ask(what="single", count=sizes.single)["p50_ms"])


@dataclass(frozen=True, slots=True)
class Bench:
    """What all variants share.

    Args:
        workload: Rows to build from, and to ask about.
        texts: Every prompt of both.
        folder: For files.
        sizes: How much is measured.
        repeats: Rounds.
    """

    workload: SplitWorkload
    texts: list[str]
    folder: Path
    sizes: Sizes
    repeats: int

    def measure(self, variants: Sequence[Variant]) -> dict[str, Measured]:
        """Measure speed in rounds, then let each write its vectors."""
        asked = [record.prompt for record in self.workload.asked]
        self._write("asked.json", asked)
        self._write("texts.json", self.texts)
        found = {variant.name: Measured() for variant in variants}
        with ExitStack() as stack:
            children = {v.name: stack.enter_context(self._start(v)) for v in variants}
            for name, child in children.items():
                say(f"vectors of {name}")
                file, texts = self.folder / f"{name}.npy", self.folder / "texts.json"
                child.ask(what="save", file=str(file), texts=str(texts))
            for i in range(self.repeats):
                say(f"round {i + 1} of {self.repeats}")
                for name, child in children.items():
                    found[name].add_round(child, self.sizes)
        return found

    def vectors(self, variant: Variant) -> FloatMatrix:
        """The vectors of all texts."""
        return np.load(self.folder / f"{variant.name}.npy")

    def tau(self, variant: Variant) -> float:
        """Kendall's tau-b of retrieval with a variant's vectors on both sides."""
        vectors = dict(zip(self.texts, self.vectors(variant), strict=True))
        evaluation = evaluate_vectors(variant.name, vectors, self.workload)
        return evaluation.metrics[evaluation.predictor].kendall_tau_b or 0.0

    def export(self) -> None:
        """Make the exports of the other backends."""
        BACKENDS.ensure()
        say("exporting to ONNX and OpenVINO")
        shutil.copytree(locate_encoder(DEFAULT_ENCODER), self.folder / "backends")
        calibration = self.folder / "calibration"
        calibration.mkdir()
        lines = [
            json.dumps({"sentence": record.prompt})
            for record in self.workload.learnt[:CALIBRATION_TEXTS]
        ]
        (calibration / "train.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
        command = [str(BACKENDS.python), "-m", "benchmarks.backends_export"]
        command += [str(self.folder / "backends"), str(calibration)]
        offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(self.folder / "hub")}
        subprocess.run(command, check=True, stdout=2, env={**os.environ, **offline})

    def _start(self, variant: Variant) -> LineChild:
        own = variant.environment == "ours"
        return LineChild(
            "benchmarks.backends_child",
            variant.name,
            locate_encoder(DEFAULT_ENCODER) if own else str(self.folder / "backends"),
            str(self.folder / "asked.json"),
            str(len(os.sched_getaffinity(0))),
            python=None if own else BACKENDS.python,
            environment={"HF_HUB_OFFLINE": "1"},
        )

    def _write(self, name: str, texts: list[str]) -> None:
        (self.folder / name).write_text(json.dumps(texts), "utf-8")


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and report."""
    parser = base_parser("encoder", "Ways to run the encoder on this CPU.")
    parser.add_argument("--skip-backends", action="store_true", help="without ONNX and OpenVINO")
    options = parsed(parser, argv)
    sizes = Sizes.of(quick=options.quick)
    workload = SplitWorkload.from_set(options.data).first(sizes.learnt, sizes.asked)
    texts = unique_prompts([*workload.learnt, *workload.asked])
    variants = [v for v in VARIANTS if v.environment == "ours" or not options.skip_backends]
    with TemporaryDirectory(prefix="lengthwise-bench-") as folder:
        bench = Bench(workload, texts, Path(folder), sizes, options.repeats)
        if not options.skip_backends:
            bench.export()
        measured = bench.measure(variants)
        rows = [_row(bench, variant, measured) for variant in variants]
    finish(_report(options.command, sizes, rows), options.json)


def _row(bench: Bench, variant: Variant, measured: dict[str, Measured]) -> Row:
    say(f"retrieval with {variant.name}")
    reference = next(v for v in VARIANTS if v.name == REFERENCE)
    cosine = (bench.vectors(variant) * bench.vectors(reference)).sum(axis=1)
    found, base = measured[variant.name], measured[REFERENCE]
    tau = bench.tau(variant)
    return {
        "variant": variant.name,
        "title": variant.title,
        "sorted_rate": Spread.of(found.sorted_rates),
        "rate": Spread.of(found.rates),
        "of_reference": ratio_spread(found.rates, base.rates),
        "p50_ms": Spread.of(found.p50_ms),
        "cpu_ms": Spread.of(found.cpu_ms),
        "min_cosine": float(cosine.min()),
        "mean_cosine": float(cosine.mean()),
        "kendall_tau_b": tau,
        "tau_loss": bench.tau(reference) - tau,
    }


def _report(command: str, sizes: Sizes, rows: list[Row]) -> Report:
    columns = [
        Column("title", "runtime"),
        Column("sorted_rate", "sorted /s", "{:,.0f}"),
        Column("rate", "mixed /s", "{:,.0f}"),
        Column("of_reference", "of torch fp32", "{:.2f}", with_range=True),
        Column("p50_ms", "one, ms", "{:.1f}"),
        Column("cpu_ms", "CPU ms", "{:.2f}"),
        Column("min_cosine", "min cosine", "{:.4f}"),
        Column("tau_loss", "tau loss", "{:+.4f}"),
    ]
    title = "all-MiniLM-L6-v2 on this CPU: prompts/s in batches of 32"
    notes = [
        "Sorted: prompts sorted by length, then batched; mixed: batched as they came, as a service "
        "gets them. One: median of a single prompt. CPU ms: per prompt, mixed.",
        "Tau loss: of Kendall's tau-b of frozen retrieval, with these vectors on both sides, "
        f"against torch float32's ({rows[0]['kendall_tau_b']:.4f}); {sizes.learnt:,} rows of "
        f"alpaca_vicuna7b_train asked about {sizes.asked:,} others.",
    ]
    shipped = next(row for row in rows if row["variant"] == SHIPPED)
    best = max((row["rate"].median for row in rows if row is not shipped), default=0.0)
    aims = [
        Aim(
            "tau lost by the default (Lengthwise bfloat16)",
            shipped["tau_loss"],
            at_most=0.005,
            form="{:+.4f}",
        ),
        Aim("its mixed rate over the fastest other's", shipped["rate"].median / best, at_least=1.0),
    ]
    tables = [Table("encoder", title, columns, rows, notes), aims_table(aims)]
    about = [
        f"Batches of {BATCH}; each runtime in a process of its own, measured in rounds. ONNX and "
        "OpenVINO through sentence-transformers' backends; int8 static was calibrated on rows "
        "that are not asked about.",
        "Of a prompt longer than the model reads, Lengthwise keeps head and tail, the others the "
        "head alone: the smallest cosines are theirs.",
    ]
    return Report("encoder", command, tables, about)


if __name__ == "__main__":
    main()
