"""What a prompt shows without being understood, which a fixed window of tokens may cut away.

How long it is, how it is laid out, and, in a conversation, how many turns came before and how long
the earlier answers were: an LLM that was brief so far stays brief.
"""

import re
from collections.abc import Sequence

import numpy as np

from lengthwise.index.arrays import FloatMatrix

_ANSWER = re.compile(r"(?ms)^assistant: (.*?)(?=^(?:user|assistant|system|tool): |\Z)")
"""An earlier answer, as `conversation.render_conversation` writes it."""

FEATURES = (
    "log chars",
    "log words",
    "log lines",
    "share of digits",
    "question marks",
    "earlier answers",
    "log chars of the last of them",
    "log of their mean chars",
)


def prompt_features(prompts: Sequence[str]) -> FloatMatrix:
    """Numbers about prompts: shape (len(prompts), len(FEATURES)), float32, unscaled."""
    return np.array([_features(p) for p in prompts], np.float32).reshape(-1, len(FEATURES))


def _features(prompt: str) -> list[float]:
    answers = [len(a) for a in _ANSWER.findall(prompt)] if "assistant: " in prompt else []
    return [
        np.log1p(len(prompt)),
        np.log1p(prompt.count(" ")),
        np.log1p(prompt.count("\n")),
        sum(map(prompt.count, "0123456789")) / max(1, len(prompt)),
        min(prompt.count("?"), 5),
        min(len(answers), 10),
        np.log1p(answers[-1]) if answers else 0.0,
        np.log1p(sum(answers) / len(answers)) if answers else 0.0,
    ]
