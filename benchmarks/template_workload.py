"""API traffic as much of it is: a few forms, each filled with other words every time."""

import random

from lengthwise.index.record import HistoryRecord

FORMS = (
    ("Summarise the following ticket in one sentence:\n{a} reports that {b} fails since {c}.", 24),
    ("Translate to French: the {a} on the {b} needs {c} before noon.", 16),
    ("You are a helpful shop assistant. Recommend three products for {a} who likes {b}.", 140),
    ("Extract the fields name, city and date as JSON from: {a} moved to {b} in {c}.", 38),
    ("Write a product description of about 200 words for a {a} with {b}, sold in {c}.", 270),
    ("Is this review positive or negative? Answer in one word. '{a} and {b}, but {c}.'", 2),
    ("Write unit tests in Python for a function {a}_{b} that handles {c}.", 420),
    ("Explain {a} to a ten-year-old who knows {b}.", 190),
    ("Draft a polite email to {a} about the delayed {b}; mention {c}.", 160),
    ("List ten facts about {a} and {b}.", 230),
    ("Fix the grammar: {a} have went to {b} yesterday with {c}.", 14),
    ("Write a blog post about {a} and {b} with five sections, for readers in {c}.", 900),
)
"""Forms, and the tokens that an answer to each usually has."""

SPREAD = 0.12
"""Standard deviation of an answer's length around its form's, on the log scale."""

WORDS = (
    *("Anna", "the invoice export", "a mountain bike", "Tuesday", "solar panels", "Lisbon"),
    *("a red kettle", "the login page", "jazz", "quarterly reports", "Mr Okafor", "gardening"),
    *("the printer", "winter boots", "machine learning", "a small bakery", "Nairobi", "chess"),
    *("broken glass", "the delivery team", "old maps", "volcanoes", "parse", "merge", "noise"),
)


def template_records(count: int, seed: int = 0) -> list[HistoryRecord]:
    """Prompts of twelve forms with random slots; lengths spread around each form's own.

    Each has three more draws of its form as samples, whose mean says what can be known.
    """
    rng = random.Random(seed)
    made: list[HistoryRecord] = []
    for i in range(count):
        form, tokens = rng.choice(FORMS)
        slots = dict(zip("abc", rng.sample(WORDS, 3), strict=True))
        length, *others = (max(1, round(tokens * rng.lognormvariate(0, SPREAD))) for _ in range(4))
        prompt = form.format(**slots)
        made.append(HistoryRecord(prompt, length, "made", f"made-{i}", samples=tuple(others)))
    return made
