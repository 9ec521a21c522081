"""The policies that `vllm_jct` compares, by name."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lengthwise.scheduling import RULE_NAMES, make_rule
from testbed.engine_options import EngineOptions
from testbed.workload import Request

SCHEDULERS = "scheduler_client.vllm_plugin.scheduler"
ORACLE_SCHEDULERS = "testbed.in_engine.oracle_scheduler"

EAGER = "switch_s=0,much_longer=1,max_preemptions=1000,safe_waits=1000000,safe_services=1000000"
"""Shortest remaining time first: whatever is longer makes room, as often as need be."""

Variables = dict[str, str]


@dataclass(frozen=True, slots=True)
class Policy:
    """How an engine orders its requests.

    Args:
        kind: One of KINDS.
        rule: Of the plugin's; "" leaves its default.
        rule_options: As LENGTHWISE_RULE_OPTIONS takes them.
    """

    kind: str
    rule: str = ""
    rule_options: str = ""

    @classmethod
    def parse(cls, text: str, default_rule: str = "") -> "Policy":
        """From "KIND" or, where the plugin orders, "KIND:RULE" or "KIND:RULE:option=value:…".

        Raises:
            ValueError: There is no such policy, rule or option.
        """
        kind, _, rest = text.partition(":")
        if kind not in KINDS:
            raise ValueError(f"there is no policy {kind!r}: expected one of {', '.join(KINDS)}")
        rule, _, options = rest.partition(":")
        policy = cls(kind, rule, options.replace(":", ","))
        if not policy.predicts:
            if rest:
                raise ValueError(f"policy {kind!r} takes no rule; {rest!r} was given")
            return policy
        policy = replace(policy, rule=rule or default_rule)
        _check_rule(policy)
        return policy

    @property
    def name(self) -> str:
        """As it is parsed."""
        options = self.rule_options.replace(",", ":")
        return ":".join(part for part in (self.kind, self.rule, options) if part)

    @property
    def predicts(self) -> bool:
        """True if it needs the prediction service."""
        return self.kind in ("lengthwise", "lengthwise-scheduler")

    def engine_options(self, base: EngineOptions, target: str, model: str) -> EngineOptions:
        """The options of its engine.

        Args:
            base: What all policies share.
            target: Address of the prediction service.
            model: The LLM's name in the history.
        """
        return replace(
            base,
            policy="fcfs" if self.kind == "fcfs" else "priority",
            scheduler_class=self._scheduler_class("Async" if base.on_gpu else ""),
            environment={**base.environment, **self._variables(target, model)},
        )

    def _scheduler_class(self, how: str) -> str | None:
        classes = {
            "lengthwise-scheduler": f"{SCHEDULERS}.Lengthwise{how}Scheduler",
            "oracle-srpt": f"{ORACLE_SCHEDULERS}.Oracle{how}Scheduler",
        }
        return classes.get(self.kind)

    def _variables(self, target: str, model: str) -> Variables:
        if not self.predicts:
            return {"LENGTHWISE_PREEMPTION_OPTIONS": EAGER} if self.kind == "oracle-srpt" else {}
        # The same prompts come again with other seeds: reported lengths would give them away.
        variables = {
            "LENGTHWISE_TARGET": target,
            "LENGTHWISE_MODEL": model,
            "LENGTHWISE_REPORT": "false",
        }
        if self.rule:
            variables["LENGTHWISE_RULE"] = self.rule
        if self.rule_options:
            variables["LENGTHWISE_RULE_OPTIONS"] = self.rule_options
        return variables

    def requests(self, requests: Sequence[Request]) -> list[Request]:
        """The requests as a caller of this policy sends them."""
        if self.kind != "oracle-sjf":
            return list(requests)
        return [replace(request, priority=request.output_tokens) for request in requests]


def parse_policies(text: str, default_rule: str = "") -> list[Policy]:
    """Policies by name, with commas between.

    Raises:
        ValueError: One is not known.
    """
    return [Policy.parse(part.strip(), default_rule) for part in text.split(",")]


def _check_rule(policy: Policy) -> None:
    if policy.rule and policy.rule not in RULE_NAMES:
        raise ValueError(
            f"there is no rule {policy.rule!r}: expected one of {', '.join(RULE_NAMES)}"
        )
    pairs = [part.partition("=") for part in policy.rule_options.split(",") if part]
    if pairs:
        make_rule(policy.rule, **{name: float(value) for name, _, value in pairs})


KINDS = ("fcfs", "lengthwise", "lengthwise-scheduler", "oracle-sjf", "oracle-srpt")
