"""Gradient-boosted trees on what can be counted in a prompt's text."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from index_builder.evaluation.metrics import PredictedLengths
from index_builder.evaluation.predictor import lengths_of
from lengthwise.index.arrays import FloatMatrix
from lengthwise.index.length_scale import FloatArray, to_log, to_tokens
from lengthwise.index.record import HistoryRecord

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
"""Numbers as words; the place of each is the number less 1."""

WANTED = re.compile(
    rf"\b(\d{{1,5}}|{'|'.join(NUMBERS)})[\s-]+(?:\w+[\s-]+)?"
    r"(?:(?P<words>words?)|(?P<sentences>sentences?)|(?P<paragraphs>paragraphs?)"
    r"|(?P<things>examples?|items?|steps?|ways|reasons|tips|ideas|points?|lines?|questions?))\b",
    re.IGNORECASE,
)
"""A number of things asked for, as in "five short sentences"."""

UNITS = ("words", "sentences", "paragraphs", "things")
"""What may be asked for by number, as `WANTED` names its groups."""

NOT_WANTED = -1
"""Stands where no number is asked for."""

NAMES = ("characters", *COUNTED, "word_length", *(f"wanted_{unit}" for unit in UNITS))
"""What each feature is, in order."""


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


CATEGORIES = 200
"""First words and LLMs told apart, the commonest ones; the trees hold at most 255."""

OTHER = 0
"""Stands for all of the rarer ones."""

TREES, LEAVES, LEARNING_RATE = 300, 24, 0.06
"""Of the gradient boosting: many small trees, each of which corrects little."""


class LexicalBaseline:
    """A predictor without any language model: the LLM, the first word, and counts.

    Args:
        seed: Of the rows set aside to know when to stop.
    """

    name = "lexical"

    def __init__(self, *, seed: int = 0) -> None:
        self._words: Mapping[str, int] = {}
        self._models: Mapping[str, int] = {}
        categorical: Any = [len(NAMES), len(NAMES) + 1]
        self._trees = HistGradientBoostingRegressor(
            loss="absolute_error",
            max_iter=TREES,
            learning_rate=LEARNING_RATE,
            max_leaf_nodes=LEAVES,
            categorical_features=categorical,
            random_state=seed,
        )

    def fit(self, records: Sequence[HistoryRecord], vectors: FloatMatrix) -> None:  # noqa: ARG002
        """Learn; see `Baseline.fit`. Vectors are not looked at."""
        self._words = _commonest(first_word(record.prompt) for record in records)
        self._models = _commonest(record.model for record in records if record.model)
        # A tree is many tiny steps: where another process takes one of the cores, threads that wait
        # for each other after each are far slower than one.
        with threadpool_limits(1, user_api="openmp"):
            self._trees.fit(self._features(records), to_log(lengths_of(records)))

    def predict(
        self,
        records: Sequence[HistoryRecord],
        vectors: FloatMatrix,  # noqa: ARG002  the contract's
    ) -> PredictedLengths:
        """Predict; see `LengthPredictor.predict`."""
        with threadpool_limits(1, user_api="openmp"):
            answers: Any = self._trees.predict(self._features(records))
        return PredictedLengths(to_tokens(answers))

    def _features(self, records: Sequence[HistoryRecord]) -> FloatArray:
        words = [self._words.get(first_word(record.prompt), OTHER) for record in records]
        models = [self._models.get(record.model, OTHER) for record in records]
        counted = prompt_features([record.prompt for record in records])
        return np.column_stack([counted, words, models])


def _commonest(values: Iterable[str]) -> dict[str, int]:
    """A number for each of the commonest values; the others share one."""
    found = Counter(values).most_common(CATEGORIES)
    return {value: i for i, (value, _) in enumerate(found, OTHER + 1)}
