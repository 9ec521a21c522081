"""What is made of the live limit's runs: no engine is needed for that."""

import random

import pytest

from benchmarks.vllm_live_limit.outcome import SLO_S, Asked, PhaseResult, Tally
from benchmarks.vllm_live_limit.phases import LEAST_ANSWER_TOKENS, PHASES, SETTINGS
from benchmarks.vllm_live_limit.tables import Run, best_fixed, report_tables


def result(good_tokens_per_s: float) -> PhaseResult:
    return PhaseResult(1.0, good_tokens_per_s, good_tokens_per_s, 0.1, 1.0, 8.0)


def runs(**good: tuple[float, ...]) -> list[Run]:
    """By phase the good tokens per second of each of SETTINGS, the same for both seeds."""
    return [
        Run(seed, setting, {phase: result(good[phase][place]) for phase in good}, [1.0, 3.0])
        for seed in range(2)
        for place, setting in enumerate(SETTINGS)
    ]


def test_the_live_limit_is_held_against_the_best_fixed_one_of_each_phase():
    measured = runs(calm=(100.0,) * 5, long=(80.0, 100.0, 20.0, 94.0, 120.0))
    assert best_fixed(measured, "long").limit == 16
    aims, phases, cost = report_tables(measured)
    assert [row["met"] for row in aims.rows] == [True, False]
    assert aims.rows[1]["reached"] == "0.94x"
    assert [row["limit"] for row in phases.rows][5:9] == ["8", "16, the best", "64", "live"]
    assert cost.rows[0]["mean"] == 2.0


def test_only_requests_within_the_slo_are_good():
    tally = Tally(
        [Asked(0.0, 1.0, 1.0 + 10 * SLO_S, 11), Asked(0.0, 2.0, 2.0 + 11 * SLO_S, 11)],
        gaps=20,
        gaps_within=15,
        limits=[8, 16],
    )
    assert tally.result(10.0) == PhaseResult(0.5, 2.2, 1.1, 1.5, 0.75, 12.0)


@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: phase.name)
def test_lengths_are_drawn_around_their_means(phase):
    chance = random.Random(0)
    drawn = [phase.draw(chance) for _ in range(4_000)]
    prompts, answers = zip(*drawn, strict=True)
    assert sum(prompts) / len(drawn) == pytest.approx(phase.prompt_tokens, rel=0.05)
    assert sum(answers) / len(drawn) == pytest.approx(phase.answer_tokens, rel=0.1)
    assert min(answers) == LEAST_ANSWER_TOKENS
