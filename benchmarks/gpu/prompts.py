"""Prompts of all lengths, made up: the kit brings no data along."""

import random

from benchmarks.harness.template_workload import template_records

MEAN_TEXTS = 4
"""Templates joined into a prompt, on average: 70 tokens then, half of them under 51 and one in a
hundred over 300."""


def mixed_prompts(count: int, seed: int = 0) -> list[str]:
    """Prompts whose lengths are spread as those of real users are: many short ones, a long tail."""
    rng = random.Random(seed)
    texts = [record.prompt for record in template_records(count, seed)]
    return [
        "\n".join([text, *rng.choices(texts, k=int(rng.expovariate(1 / (MEAN_TEXTS - 1))))])
        for text in texts
    ]
