"""An advisor that answers at once, and the few things of vLLM's that admission looks at."""

from collections import Counter
from types import SimpleNamespace

from lengthwise.length_distribution import LengthDistribution
from lengthwise.scheduling.service_time import ServiceTimeModel
from scheduler_client.advisor import Advice

DISTRIBUTION = LengthDistribution((0.0, 0.5, 1.0), (10.0, 20.0, 40.0))


class ReadyAdvisor:
    """Predicts as many tokens as a prompt has characters; its key is that number."""

    counters = SimpleNamespace(service_time=ServiceTimeModel())

    def __init__(self) -> None:
        self.questions = []
        self.endings = []
        self.forgotten = []
        self.noted = []
        self.error: BaseException | None = None

    def start(self) -> None:
        pass

    async def advise(self, question):
        self.questions.append(question)
        if self.error is not None:
            raise self.error
        tokens = len(question.prompt)
        return Advice(tokens, float(tokens), DISTRIBUTION, None, 0.001)

    def fallback_key(self, question):
        self.noted.append(question)
        return round(question.arrival_s * 1e6)

    def finished(self, ending) -> None:
        self.endings.append(ending)

    def forget(self, request_id) -> None:
        self.forgotten.append(request_id)


class CountedMetrics:
    """Counts what it is told."""

    def __init__(self) -> None:
        self.counts = Counter()

    def advised(self, advice) -> None:
        self.counts[advice.fallback or "predicted"] += 1

    def fell_back(self, cause) -> None:
        self.counts[cause] += 1

    def untouched(self) -> None:
        self.counts["untouched"] += 1

    def internal_error(self) -> None:
        self.counts["internal_error"] += 1


class Words:
    """A tokenizer whose ids are places in a list of words."""

    all_special_tokens = ("<s>", "</s>")

    def __init__(self, *words: str) -> None:
        self.words = words

    def decode(self, ids, *, skip_special_tokens=False):
        words = [self.words[i] for i in ids]
        return " ".join(w for w in words if not (skip_special_tokens and w in ("<s>", "</s>")))


def engine(policy="priority", scheduler_cls=None, tokenizer=None):
    """What admission reads of an AsyncLLM."""
    return SimpleNamespace(
        vllm_config=SimpleNamespace(
            scheduler_config=SimpleNamespace(policy=policy, scheduler_cls=scheduler_cls),
            model_config=SimpleNamespace(served_model_name="llm"),
        ),
        tokenizer=tokenizer,
    )
