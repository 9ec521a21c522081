"""A sample history for the demo: GENERATED from templates and a fixed seed, measured on no LLM.

Real histories may not be shipped with the project, so this one stands in. Its prompts are filled
templates of many kinds of task. Its lengths are drawn from a lognormal around a median that
depends on what the prompt asks for, so a predictor can learn the median but never the draw: one
that knew every median would still reach a Kendall tau-b of only about 0.77.
"""

import gzip
import json
import math
import random
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from itertools import islice
from pathlib import Path

from demo.sample_material import (
    ENDS,
    FOLLOW_UPS,
    NUMBERS,
    REPLIES,
    REVIEW_PARTS,
    SENTENCE_PARTS,
    STARTS,
    STYLES,
    TASKS,
    WORDS,
    Task,
)
from lengthwise.conversation import ChatMessage, render_conversation
from lengthwise.index.record import HistoryRecord

SAMPLE_MODEL = "sample-llm"
SAMPLE_ROWS = 6_000
SAMPLE_SEED = 7

_FURTHER_DRAWS = 2
"""Answers to each prompt beside the one that counts, for the ceiling."""

_FOLLOW_UP_SHARE = 0.1
"""Of prompts that go on with a conversation."""

_TOPIC_SPREAD = 0.18
"""How far words shift the logarithm of the median: some topics are simply longer."""

_RAMBLE_SHARE = 0.03
"""Of answers that get far longer than what was asked for."""

_LIMITS: tuple[tuple[int | None, float], ...] = (
    (None, 0.1),
    (512, 0.05),
    (1024, 0.45),
    (2048, 0.4),
)
"""max_tokens of a request and how often; answers that reach it are cut (about one in a hundred)."""

_TRIES = 20
_ARTICLE = re.compile(r"\b([Aa]) (?=[aeio]|um|ur)")
"""An article before a vowel: the filled templates say "a elephant"."""


@dataclass(slots=True)
class _Draft:
    """A prompt in the making: its text, what its words do to the length, and its number."""

    text: str = ""
    log_shift: float = 0.0
    number: int = 0


@cache
def _word_shift(word: str) -> float:
    """Give a word's own effect on the log median: always the same, so it can be learnt."""
    return random.Random(word).gauss(0, _TOPIC_SPREAD)


def _pick(rng: random.Random, table: tuple[tuple[str, float], ...]) -> str:
    return rng.choices([text for text, _ in table], [weight for _, weight in table])[0]


def _fill(rng: random.Random, template: str, draft: _Draft, *, counts: bool = True) -> str:
    """Replace the slots of a template, from left to right.

    Args:
        rng: Where the choices come from.
        template: Text with slots such as {topic}.
        draft: Takes up the number and the effect of the words.
        counts: False inside quoted material, whose words say nothing about the answer.
    """
    filled, rest = "", template
    while "{" in rest:
        before, _, rest = rest.partition("{")
        slot, _, rest = rest.partition("}")
        filled += before + _slot(rng, slot, draft, counts=counts)
    return filled + rest


def _slot(rng: random.Random, slot: str, draft: _Draft, *, counts: bool) -> str:
    if slot in {"sentence", "review"}:
        parts = SENTENCE_PARTS if slot == "sentence" else REVIEW_PARTS
        sentence = "".join(rng.choice(part.split("|")) for part in parts)
        return _fill(rng, sentence, draft, counts=False)
    if slot in NUMBERS:
        number = rng.choice(NUMBERS[slot])
        draft.number = number if counts else draft.number
        return str(number)
    word = rng.choice(WORDS[slot])
    draft.log_shift += _word_shift(word) if counts else 0.0
    return word


def _ask(rng: random.Random, tasks: tuple[Task, ...]) -> tuple[_Draft, Task]:
    """Draw a task and word it as people do: with wishes, greetings and careless typing."""
    task = rng.choices(tasks, [task.weight for task in tasks])[0]
    draft = _Draft()
    body = _ARTICLE.sub(r"\1n ", _fill(rng, rng.choice(task.templates), draft))
    if task.styled:
        wish, shift, _ = rng.choices(STYLES, [share for *_, share in STYLES])[0]
        body += ("." if wish and body[-1].isalnum() else "") + wish
        draft.log_shift += shift
    if tasks is TASKS:
        body = _pick(rng, STARTS) + body + _pick(rng, ENDS)
    draft.text = body.lower() if rng.random() < 0.08 else body
    return draft, task


def _answer(
    rng: random.Random, draft: _Draft, task: Task, *, row_id: str, group: str = ""
) -> HistoryRecord:
    """Draw the lengths of a prompt's answers around its median, cut at the caller's limit."""
    median = (task.tokens + task.per_number * draft.number) * math.exp(draft.log_shift)
    limit = rng.choices([limit for limit, _ in _LIMITS], [share for _, share in _LIMITS])[0]
    draws = [_length(rng, median, task.spread) for _ in range(1 + _FURTHER_DRAWS)]
    own, *further = [draw if limit is None else min(draw, limit) for draw in draws]
    return HistoryRecord(
        prompt=draft.text,
        output_tokens=own,
        model=SAMPLE_MODEL,
        id=row_id,
        max_tokens=limit,
        finish_reason="length" if limit is not None and draws[0] >= limit else "stop",
        group=group,
        samples=tuple(further),
    )


def _length(rng: random.Random, median: float, spread: float) -> int:
    """Draw one length, in tokens; now and then an answer rambles on."""
    length = median * rng.lognormvariate(0, spread)
    if rng.random() < _RAMBLE_SHARE:
        length *= rng.uniform(1.6, 3.2)
    return max(1, round(length))


def _records(seed: int) -> Iterator[HistoryRecord]:
    """Draw rows without end; a conversation gives two of them, one after the other."""
    rng = random.Random(seed)
    seen: set[str] = set()
    number = 0
    while True:
        draft, task = _ask(rng, TASKS)
        for _ in range(_TRIES):
            if draft.text not in seen:
                break
            draft, task = _ask(rng, TASKS)
        seen.add(draft.text)
        talks_on = rng.random() < _FOLLOW_UP_SHARE
        group = f"sample-conversation-{number}" if talks_on else ""
        yield _answer(rng, draft, task, row_id=f"sample-{number}", group=group)
        number += 1
        if talks_on:
            follow_up, task = _follow_up(rng, draft.text)
            yield _answer(rng, follow_up, task, row_id=f"sample-{number}", group=group)
            number += 1


def _follow_up(rng: random.Random, question: str) -> tuple[_Draft, Task]:
    """Draw the second turn of a conversation: its prompt holds all that was said before."""
    reply = _fill(rng, rng.choice(REPLIES), _Draft())
    draft, task = _ask(rng, FOLLOW_UPS)
    draft.text = render_conversation(
        [
            ChatMessage("user", question),
            ChatMessage("assistant", reply),
            ChatMessage("user", draft.text),
        ]
    )
    return draft, task


def sample_history(rows: int = SAMPLE_ROWS, seed: int = SAMPLE_SEED) -> list[HistoryRecord]:
    """Generate a history; a longer one of the same seed begins with the shorter one.

    Args:
        rows: How many records there are.
        seed: The same seed gives the same records.
    """
    return list(islice(_records(seed), rows))


def held_out_prompts(
    count: int, rows: int = SAMPLE_ROWS, seed: int = SAMPLE_SEED
) -> list[HistoryRecord]:
    """Generate records with prompts that `sample_history(rows, seed)` does not hold.

    Conversations are left out, since the first turn of one may lie in the history.

    Args:
        count: How many records are wanted.
        rows: Rows that the history was made with.
        seed: Seed that the history was made with.
    """
    records = _records(seed)
    known = {record.prompt for record in islice(records, rows)}
    fresh = (r for r in records if not r.group and r.prompt not in known)
    return list(islice(fresh, count))


def write_sample_history(path: Path, rows: int = SAMPLE_ROWS, seed: int = SAMPLE_SEED) -> None:
    """Write a generated history as gzip'd JSON lines, each row marked `"source": "generated"`.

    Args:
        path: The file; overwritten. The same rows and seed give the same bytes.
        rows: How many records it holds.
        seed: Of the generation, as in `sample_history`.
    """
    # No name and no time in the gzip header, so that the bytes depend on the content alone.
    with path.open("wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=0) as stream:
        for record in sample_history(rows, seed):
            stream.write(record_line(record))


def record_line(record: HistoryRecord) -> bytes:
    """A generated record as a line of JSON, marked as what it is."""
    row = asdict(record) | {"source": "generated"}
    return json.dumps(row, ensure_ascii=False).encode() + b"\n"
