"""Measures at start whether a lone prompt is faster on all cores, before anybody asks one."""

from lengthwise.index.estimate.estimate import Query
from predictor_service.batching.batch_meter import BatchMeter
from predictor_service.batching.batcher import MicroBatcher
from predictor_service.batching.core_choice import TRIALS

PROMPT = "Name {} of the things that a traveller should see in the old town, and say why."
"""Of a usual length. Each is asked once: the vectors of what was asked are kept."""


ASKED_AT_MOST = 8 * TRIALS
"""Twice TRIALS would do, but for prompts that the other thread takes, which tell nothing: on a busy
machine the first has not gone back to sleep yet when the next prompt comes."""


async def measure_cores(batcher: MicroBatcher) -> None:
    """Ask lone prompts until one way is chosen; they count in no metric.

    To be called before others can ask: in company a prompt tells nothing.
    """
    choice = batcher.core_choice
    if choice is None:
        return
    for number in range(ASKED_AT_MOST):
        if choice.chosen is not None:
            break
        await batcher.predict([Query(PROMPT.format(number))])
    batcher.meter = BatchMeter()
