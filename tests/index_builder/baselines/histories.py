"""Small histories whose lengths the prompts give away, for peers to learn."""

import random

from lengthwise.index.record import HistoryRecord
from tests.lengthwise.index.fakes import BagOfWords


def history(rows, *, seed=0, models=("llm",), factor=None):
    """Prompts that say how many sentences are wanted; an answer has thirty tokens for each."""
    rng = random.Random(seed)
    made = []
    for i in range(rows):
        wanted, model = rng.randrange(1, 11), models[i % len(models)]
        prompt = f"Tell me {wanted} sentences about thing{rng.randrange(30)}"
        tokens = round(30 * wanted * (factor or {}).get(model, 1.0))
        made.append(HistoryRecord(prompt, tokens, model, f"r{i}"))
    return made


def vectors_of(records, encoder=None):
    """Vectors as an index would hold them."""
    return (encoder or BagOfWords()).encode([r.prompt for r in records])
