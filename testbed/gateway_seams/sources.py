"""A wheel's sources as syntax trees, and single functions of them made to run."""

import ast
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast


def tree_of(archive: zipfile.ZipFile, file: str) -> ast.Module:
    """A module of a wheel."""
    return ast.parse(archive.read(file))


def fields_of(tree: ast.Module, name: str) -> set[str]:
    """Annotated fields of a class."""
    found = [n for n in ast.walk(tree) if isinstance(n, ast.ClassDef) and n.name == name]
    return {
        node.target.id
        for one in found
        for node in one.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }


def names_in(tree: ast.Module) -> set[str]:
    """All annotated names, of classes and of the module."""
    targets = (n.target for n in ast.walk(tree) if isinstance(n, ast.AnnAssign))
    return {target.id for target in targets if isinstance(target, ast.Name)}


def functions_of(
    tree: ast.Module, names: Sequence[str], known: Mapping[str, Any]
) -> dict[str, Callable[..., Any]]:
    """Some functions of a module, made without the rest of it.

    Args:
        tree: Of the module.
        names: Of the functions, which may call each other.
        known: Further names that they use; types in annotations need not be there.
    """
    found = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name in names]
    for function in found:
        function.decorator_list = []
        function.returns = None
        for argument in function.args.args:
            argument.annotation = None
    source = "\n".join(ast.unparse(function) for function in found)
    scope: dict[str, Any] = {**known, "Any": Any, "cast": cast}
    exec(compile(f"from __future__ import annotations\n{source}", "<wheel>", "exec"), scope)  # noqa: S102  two pinned releases' own functions
    return {name: scope[name] for name in names}
