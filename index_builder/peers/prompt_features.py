"""What can be counted in a prompt's text without any model."""

import re
from collections.abc import Sequence

import numpy as np

from length_index.length_scale import FloatArray

COUNTED = {
    "words": re.compile(r"\S+"),
    "lines": re.compile(r"\n"),
    "digits": re.compile(r"\d"),
    "questions": re.compile(r"\?"),
    "commas": re.compile(r","),
    "sentences": re.compile(r"[.!?](?:\s|$)"),
    "quotes": re.compile(r"[\"“”]"),
    "code": re.compile(r"```|\bdef |\bclass |[{};]"),
    "items": re.compile(r"^\s*(?:[-*•]|\d+[.)])\s", re.MULTILINE),
    "long_answers": re.compile(
        r"\b(?:essay|story|article|report|blog|letter|email|paragraphs?|detail(?:ed|s)?|explain|"
        r"describe|discuss|compare|analy[sz]e|guide|plan|tutorial|speech|script)\b",
        re.IGNORECASE,
    ),
    "short_answers": re.compile(
        r"\b(?:word|name|title|sentence|classify|identify|true|false|yes|no|choose|which|brief"
        r"|short|summar(?:y|ize|ise)|headline|translate|one|single)\b",
        re.IGNORECASE,
    ),
    "lists": re.compile(r"\b(?:list|examples?|steps?|ways|reasons|tips|ideas)\b", re.IGNORECASE),
    "made": re.compile(
        r"\b(?:write|generate|create|compose|design|develop|build|implement)\b", re.IGNORECASE
    ),
    "edited": re.compile(
        r"\b(?:edit|rewrite|rephrase|convert|correct|fix|change|replace)\b", re.IGNORECASE
    ),
}
"""What is counted, by name."""

NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
WANTED = re.compile(
    rf"\b(\d{{1,5}}|{'|'.join(NUMBERS)})[\s-]+(?:\w+[\s-]+)?"
    r"(?:(?P<words>words?)|(?P<sentences>sentences?)|(?P<paragraphs>paragraphs?)"
    r"|(?P<things>examples?|items?|steps?|ways|reasons|tips|ideas|points?|lines?|questions?))\b",
    re.IGNORECASE,
)
"""A number of things asked for, as in "five short sentences"."""

UNITS = ("words", "sentences", "paragraphs", "things")
NOT_WANTED = -1
"""Stands where no number is asked for."""

NAMES = ("characters", *COUNTED, "word_length", *(f"wanted_{unit}" for unit in UNITS))


def prompt_features(prompts: Sequence[str]) -> FloatArray:
    """Features of prompts: shape (len(prompts), len(NAMES))."""
    return np.array([_features(prompt) for prompt in prompts], float).reshape(-1, len(NAMES))


def first_word(prompt: str) -> str:
    """The first word in lower case, without what surrounds it; often the verb of the task."""
    found = re.search(r"[^\W_]+", prompt)
    return found.group().lower() if found else ""


def _features(prompt: str) -> list[float]:
    counts = {name: len(pattern.findall(prompt)) for name, pattern in COUNTED.items()}
    wanted = wanted_numbers(prompt)
    return [
        len(prompt),
        *counts.values(),
        len(prompt) / max(counts["words"], 1),
        *(wanted.get(unit, NOT_WANTED) for unit in UNITS),
    ]


def wanted_numbers(prompt: str) -> dict[str, int]:
    """How many words, sentences, paragraphs or other things a prompt asks for, if it says so."""
    found: dict[str, int] = {}
    for match in WANTED.finditer(prompt):
        unit = next(name for name, text in match.groupdict().items() if text)
        number = match.group(1).lower()
        found.setdefault(unit, NUMBERS.index(number) + 1 if number in NUMBERS else int(number))
    return found
