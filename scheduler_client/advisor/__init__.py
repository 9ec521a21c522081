"""Everything of an engine's plugin that does not need the engine.

Asks the predictor within a deadline, makes keys by a priority rule, learns from finished requests,
reports their true lengths, and never fails a request: of the standard library and grpc alone.
"""

from scheduler_client.advisor.advice import Advice, FallbackCause
from scheduler_client.advisor.advisor import Advisor
from scheduler_client.advisor.counters import AdvisorCounters, BreakerState
from scheduler_client.advisor.ending import Ending, EndReason
from scheduler_client.advisor.question import Question
from scheduler_client.advisor.settings import AdvisorSettings

__all__ = [
    "Advice",
    "Advisor",
    "AdvisorCounters",
    "AdvisorSettings",
    "BreakerState",
    "EndReason",
    "Ending",
    "FallbackCause",
    "Question",
]
