"""A what-if from a log to a page and a table on a terminal."""

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
from serving_sim.narrow_table import narrow_table
from serving_sim.policies.registry import PolicyChoice
from serving_sim.what_if.cross_validated import CHARS_PER_TOKEN, CrossValidated, cross_validated
from serving_sim.what_if.page import WhatIf, render_page
from serving_sim.what_if.policy_at_load import Interval, by_policy_and_load
from serving_sim.workload.workload import Workload, gamma_arrivals

COLUMNS = (
    ("mean", "mean_jct_s"),
    ("p99", "p99_jct_s"),
    ("TTFT", "mean_ttft_s"),
    ("max wait", "max_wait_s"),
    ("short", "short_jct_s"),
    ("long", "long_jct_s"),
)
"""Titles and fields of PolicyAtLoad, all in seconds; more would not fit into 80 characters."""


def policy_table(what_if: WhatIf) -> Table:
    """Means over seeds, in seconds, the mean with its 95 % interval."""
    table = narrow_table("Seconds; mean with its 95 % interval over seeds")
    table.add_column("load", justify="right")
    table.add_column("policy", no_wrap=True)
    for title, _ in COLUMNS:
        table.add_column(title, justify="right")
    for row in what_if.rows:
        values: list[Interval] = [getattr(row, name) for _, name in COLUMNS]
        mean, *others = values
        half = mean.high - mean.mean
        cells = [f"{mean.mean:.3g} ±{half:.2g}", *(f"{one.mean:.3g}" for one in others)]
        table.add_row(f"{row.load:g}", row.policy, *cells)
    return table


LIMIT_FACTOR = 2.0
"""Times the best mean completion time at the lowest load: the limit unless one is given."""


@dataclass(frozen=True, slots=True)
class WhatIfJob:
    """What is tried.

    Args:
        history: Files, folders and globs of the log.
        engine: The engine that serves the requests.
        profile: The cost of its steps.
        policies: By name; the first is compared with.
        loads: Shares of what the engine can serve.
        seeds: One draw of the workload for each, at least one.
        requests: Requests in each simulation, at least 1.
        folds: Folds of the cross-validation, at least 2.
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
        """The log's rows that the engine takes; columns where its row schema is not recognised."""
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
            learnt.lengths,
            gamma_arrivals(self.cv),
            learnt.predicted_tokens,
            learnt.distributions,
        )
        experiment = Experiment(
            workload,
            self.engine,
            self.profile.cost,
            self.policies,
            seeds=self.seeds,
            count=self.requests,
        )
        runs: Iterator[Run] = experiment.at_loads(self.loads, on_progress)
        rows = by_policy_and_load(runs)
        if limit_s is None:
            lightest = min(rows, key=lambda row: (row.load, row.mean_jct_s.mean))
            limit_s = LIMIT_FACTOR * lightest.mean_jct_s.mean
        return WhatIf(rows, limit_s, self._notes(learnt))

    @staticmethod
    def table(found: WhatIf) -> Table:
        """For a terminal."""
        return policy_table(found)

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
