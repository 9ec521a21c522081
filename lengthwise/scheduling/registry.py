"""The priority rules by name."""

import inspect
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from lengthwise.scheduling.guarded import GuardedRule
from lengthwise.scheduling.rule import PriorityRule
from lengthwise.scheduling.rules import AgedRule, CappedRule, FcfsRule, GittinsRule, ShortestRule

RULES: Mapping[str, type[PriorityRule]] = MappingProxyType(
    {
        rule.name: rule
        for rule in (FcfsRule, ShortestRule, AgedRule, CappedRule, GuardedRule, GittinsRule)
    }
)
RULE_NAMES = tuple(RULES)
DEFAULT_RULE = "guarded"


def make_rule(name: str = DEFAULT_RULE, **options: Any) -> PriorityRule:
    """A rule of its own state.

    Args:
        name: One of RULE_NAMES.
        options: Of that rule; option_names lists them.

    Raises:
        ValueError: If there is no such rule or option, or a value is out of range.
    """
    known = option_names(name)
    for option in options:
        if option not in known:
            takes = ", ".join(known) or "none"
            raise ValueError(f"rule {name!r} has no option {option!r}: its options are {takes}")
    return RULES[name](**options)


def option_names(name: str) -> tuple[str, ...]:
    """The options of a rule, in order.

    Raises:
        ValueError: If there is no such rule.
    """
    if name not in RULES:
        raise ValueError(f"there is no rule {name!r}: expected one of {', '.join(RULE_NAMES)}")
    return tuple(inspect.signature(RULES[name]).parameters)
