"""What docstrings and constants of a module say, counted."""

import ast
import inspect
import re
from collections.abc import Iterator
from typing import NamedTuple

MAX_THIN_WORDS = 4
"""An Args entry of no more words than these ("drift: Told of the same.") tells a reader neither
meaning nor unit nor range."""

_ENTRY = re.compile(r" {4}(?P<name>\*{0,2}\w+)(?: \([^)]*\))?: (?P<text>.*)")
_DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


class ArgsEntry(NamedTuple):
    """What a docstring says of one argument.

    Args:
        owner: Name of the class or function, without what it stands in; "" for the module.
        name: The argument's, with its stars.
        text: What is said, on one line.
    """

    owner: str
    name: str
    text: str

    @property
    def is_thin(self) -> bool:
        """Whether it has too few words to say anything."""
        return len(self.text.split()) <= MAX_THIN_WORDS


def args_entries(tree: ast.Module) -> Iterator[ArgsEntry]:
    """Give each entry under an "Args:" of a module's docstrings."""
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED):
            owner = "" if isinstance(node, ast.Module) else node.name
            for name, text in _entries(ast.get_docstring(node) or ""):
                yield ArgsEntry(owner, name, text)


def constants(tree: ast.Module, text: str) -> Iterator[tuple[str, bool]]:
    """Give each constant of a module, and whether its reason stands beside it.

    Beside it is a comment in its lines or right above them, or a docstring right below.

    Args:
        tree: The parsed module.
        text: The source that it was parsed from, for the comments.
    """
    lines = text.splitlines()
    for statement, after in zip(tree.body, [*tree.body[1:], None], strict=True):
        name = _constant_name(statement)
        if name is not None:
            yield name, _is_text(after) or _has_comment(statement, lines)


def _entries(docstring: str) -> Iterator[tuple[str, str]]:
    """Names and texts of the entries of a docstring of Google's form, each text on one line."""
    _, found, below = inspect.cleandoc(docstring).partition("\nArgs:\n")
    entries: list[tuple[str, str]] = []
    for line in below.splitlines() if found else ():
        if line and not line.startswith(" "):
            break  # the next section
        if entry := _ENTRY.fullmatch(line):
            entries.append((entry["name"], entry["text"]))
        elif entries:
            name, text = entries[-1]
            entries[-1] = name, f"{text} {line.strip()}".rstrip()
    yield from entries


def _constant_name(statement: ast.stmt) -> str | None:
    """The name of the constant that a statement defines, if it does; type variables are none."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
    elif isinstance(statement, ast.AnnAssign):
        target = statement.target
    else:
        return None
    if not isinstance(target, ast.Name) or not target.id.isupper() or _makes_type(statement.value):
        return None
    return target.id


def _makes_type(value: ast.expr | None) -> bool:
    called = value.func if isinstance(value, ast.Call) else None
    return isinstance(called, ast.Name) and called.id in ("TypeVar", "ParamSpec")


def _is_text(statement: ast.stmt | None) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _has_comment(statement: ast.stmt, lines: list[str]) -> bool:
    first, last = statement.lineno - 1, statement.end_lineno or statement.lineno
    above = lines[first - 1].lstrip() if first else ""
    return above.startswith("#") or any("  # " in line for line in lines[first:last])
