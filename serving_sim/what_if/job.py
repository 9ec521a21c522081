"""A what-if from a log to a page."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.table import Table

from lengthwise.history.files import History, ReadOptions
from lengthwise.index.encoder.encoder import DEFAULT_ENCODER, load_encoder
from lengthwise.index.record import HistoryRecord
from serving_sim.engine.engine import Engine
from serving_sim.engine.profile import Profile
from serving_sim.experiment import Experiment, Run
from serving_sim.policies.registry import PolicyChoice
from serving_sim.what_if.cross_validated import CHARS_PER_TOKEN, CrossValidated, cross_validated
from serving_sim.what_if.outcome import outcomes
from serving_sim.what_if.page import WhatIf, render_page
from serving_sim.what_if.show import outcome_table
from serving_sim.workload.workload import Workload, gamma_arrivals

LIMIT_FACTOR = 2.0


@dataclass(frozen=True, slots=True)
class WhatIfJob:
    """What is tried.

    Args:
        history: Files, folders and globs of the log.
        engine: What serves.
        profile: The cost of its steps.
        policies: By name; the first is compared with.
        loads: Shares of what the engine can serve.
        seeds: Of the workloads.
        requests: Of one simulation.
        folds: Of the cross-validation.
        cv: Variation of the arrivals' gaps.
    """

    history: Sequence[str]
    engine: Engine
    profile: Profile
    policies: Sequence[PolicyChoice]
    loads: Sequence[float]
    seeds: Sequence[int]
    requests: int
    folds: int
    cv: float

    @property
    def served(self) -> int:
        """Requests of all simulations."""
        return len(self.policies) * len(self.loads) * len(self.seeds) * self.requests

    def read(
        self, prompt_column: str | None, output_tokens_column: str | None
    ) -> list[HistoryRecord]:
        """The log's rows that the engine takes; columns where its forms are not recognised."""
        standard = ReadOptions()
        options = replace(
            standard,
            prompt_column=prompt_column or standard.prompt_column,
            output_tokens_column=output_tokens_column or standard.output_tokens_column,
        )
        records = History.from_paths(list(self.history), options)
        return [record for record in records if self._fits(record)]

    def learn(
        self,
        records: Sequence[HistoryRecord],
        encoder: str | None,
        on_progress: Callable[[int], None],
    ) -> CrossValidated:
        """Predict the log, fold by fold."""
        model = load_encoder(encoder or DEFAULT_ENCODER)
        return cross_validated(records, model, folds=self.folds, on_progress=on_progress)

    def _fits(self, record: HistoryRecord) -> bool:
        most = self.profile.max_model_tokens
        tokens = len(record.prompt) / CHARS_PER_TOKEN + record.output_tokens
        return most is None or tokens <= most

    def run(
        self, learnt: CrossValidated, limit_s: float | None, on_progress: Callable[[int], None]
    ) -> WhatIf:
        """Serve it under every policy, at every load, with every seed."""
        workload = Workload(
            *(learnt.lengths, gamma_arrivals(self.cv)),
            learnt.predicted_tokens,
            learnt.distributions,
        )
        experiment = Experiment(
            *(workload, self.engine, self.profile.cost, self.policies),
            seeds=self.seeds,
            count=self.requests,
        )
        runs: Iterator[Run] = experiment.at_loads(self.loads, on_progress)
        rows = outcomes(runs)
        if limit_s is None:
            lightest = min(rows, key=lambda row: (row.load, row.mean_jct_s.mean))
            limit_s = LIMIT_FACTOR * lightest.mean_jct_s.mean
        return WhatIf(rows, limit_s, self._notes(learnt))

    @staticmethod
    def table(found: WhatIf) -> Table:
        """For a terminal."""
        return outcome_table(found)

    @staticmethod
    def write_page(found: WhatIf, folder: Path) -> Path:
        """The page with its pictures; the folder is made if need be."""
        folder.mkdir(parents=True, exist_ok=True)
        page = folder / "what-if.html"
        page.write_text(render_page(found), "utf-8")
        return page

    def _notes(self, learnt: CrossValidated) -> list[tuple[str, str]]:
        answers = f"{len(learnt.lengths):,} answers of the log"
        return [
            (
                "Predictions",
                f"of {answers}, each by an index of the other folds ({self.folds} in all); Kendall "
                f"tau-b with the truth {learnt.kendall_tau_b:.3f}",
            ),
            ("Engine", f"{self.profile.name}, {self.engine.slots} slots. {self.profile.source}"),
            (
                "Requests",
                f"{self.requests:,} a simulation, {len(self.seeds)} seeds, gaps of variation "
                f"{self.cv:g}; prompts at {CHARS_PER_TOKEN:g} characters a token",
            ),
            ("Intervals", "95 %, over seeds. Gains are against the first policy."),
        ]
