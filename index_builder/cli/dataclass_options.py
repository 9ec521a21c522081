"""A frozen dataclass of options as command-line options: one for each of its fields."""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Annotated, Any

import typer

PLAIN = (int, float, bool)
"""Types that the command line reads; all else comes as text, which the dataclass checks."""


def with_dataclass(
    argument: str, options: type[Any], help_texts: Mapping[str, str], panel: str
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command an option for each field; it receives them as one argument.

    Args:
        argument: Name of the argument.
        options: The dataclass; every field has a default.
        help_texts: By field; those without one are no options and keep their default.
        panel: Heading over them in the help.
    """
    shown = [field for field in fields(options) if field.name in help_texts]

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def wrapped(**arguments: Any) -> Any:
            chosen = options(**{field.name: arguments.pop(field.name) for field in shown})
            return command(**{argument: chosen}, **arguments)

        own = [p for p in inspect.signature(command).parameters.values() if p.name != argument]
        added = [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=field.default,
                annotation=Annotated[
                    field.type if field.type in PLAIN else str,
                    typer.Option(help=help_texts[field.name], rich_help_panel=panel),
                ],
            )
            for field in shown
        ]
        signature = inspect.Signature([*own, *added])
        wrapped.__signature__ = signature  # type: ignore[attr-defined]
        wrapped.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
        return wrapped

    return decorate
