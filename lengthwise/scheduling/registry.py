"""The priority rules by name."""

import inspect
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from lengthwise.scheduling import guarded, rules
from lengthwise.scheduling.rule import PriorityRule

_RULES: tuple[type[PriorityRule], ...] = (
    rules.FcfsRule,
    rules.ShortestRule,
    rules.AgedRule,
    rules.CappedRule,
    guarded.GuardedRule,
    rules.GittinsRule,
)
"""A new rule is a class and a line here: its name, its options and their checks are its own."""

RULES: Mapping[str, type[PriorityRule]] = MappingProxyType({rule.name: rule for rule in _RULES})
"""By the name that settings and simulations choose it by."""

RULE_NAMES = tuple(RULES)
"""For messages and help, in the order in which they are listed above."""

DEFAULT_RULE = guarded.GuardedRule.name
"""Near shortest first for the mean, and near first come first served for the tail."""


def make_rule(name: str = DEFAULT_RULE, **options: Any) -> PriorityRule:
    """A rule that has seen nothing yet.

    Args:
        name: By which a rule is chosen, one of RULE_NAMES.
        options: Those of the rule; option_names lists them.

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
