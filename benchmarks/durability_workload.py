"""Completions whose content follows from their number, so that what is stored can be checked."""

import hashlib
from collections.abc import Iterator
from functools import cache

from benchmarks.template_workload import template_records
from lengthwise.index.record import HistoryRecord
from scheduler_client import CompletedRequest

FORMS = 1_000
LLM = "an-llm"


@cache
def _forms() -> list[HistoryRecord]:
    return template_records(FORMS)


def completion(run: str, number: int) -> CompletedRequest:
    """One completion of a run. Ids are as scattered as engines' own."""
    form = _forms()[number % FORMS]
    scattered = hashlib.blake2b(number.to_bytes(8), digest_size=12).hexdigest()
    return CompletedRequest(f"{run}-{scattered}", form.output_tokens, form.prompt, model=LLM)


def all_completions(run: str, count: int) -> Iterator[CompletedRequest]:
    """The first completions of a run."""
    return (completion(run, number) for number in range(count))
