"""Priority rules: the order in which requests are served, by what is predicted of them.

Pure and of the standard library alone: the vLLM plugin and the simulator run the same objects, so
that what is simulated is what runs.
"""

from lengthwise.scheduling.keys import UniqueKeys
from lengthwise.scheduling.preemption import Preemption, PreemptionRule, ScheduledJob
from lengthwise.scheduling.registry import DEFAULT_RULE, RULE_NAMES, make_rule, option_names
from lengthwise.scheduling.rule import FinishedJob, PriorityRule, QueuedJob

__all__ = [
    "DEFAULT_RULE",
    "RULE_NAMES",
    "FinishedJob",
    "Preemption",
    "PreemptionRule",
    "PriorityRule",
    "QueuedJob",
    "ScheduledJob",
    "UniqueKeys",
    "make_rule",
    "option_names",
]
