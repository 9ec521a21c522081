"""What is held: names at the root, modules in a folder, lines of a file, words beside names."""

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from checks.documented import MAX_THIN_WORDS, args_entries, constants
from checks.files import PythonFile

ROOT_NAMES = frozenset(
    {
        ".ci",
        ".dockerignore",
        ".gitignore",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "LICENSE",
        "Makefile",
        "README.md",
        "autoscaler",
        "benchmarks",
        "checks",
        "constraints-gateways.txt",
        "constraints-vllm.txt",
        "constraints.txt",
        "demo",
        "deploy",
        "docker",
        "docker-compose.yml",
        "docs",
        "findings",
        "index_builder",
        "lengthwise",
        "predictor_service",
        "protos",
        "pyproject.toml",
        "scheduler_client",
        "serving_sim",
        "testbed",
        "tests",
    }
)
"""All that may stand at the root: a stranger reads these names first, and a draft that was added by
accident is seen here."""

LEFT_BY_TOOLS = frozenset({".orig", ".rej"})
"""Endings of what a patch or a merge leaves behind where it did not fit: never part of the work."""

MAX_FOLDER_MODULES = 18
"""Python files in one folder, `__init__.py` included: more than these are not taken in at a
glance."""

MAX_FILE_LINES = 349
"""Lines of one file: what is longer holds more than one thing."""

OF_ANY_LENGTH = ("benchmarks", "tests")
"""Where a file may be longer: cases of one thing stand below each other there."""


def stray_names(files: Sequence[PurePosixPath]) -> Iterator[str]:
    """Name what stands at the root and is not listed."""
    for name in sorted({path.parts[0] for path in files} - ROOT_NAMES):
        yield (
            f"{name} stands at the root, which holds {len(ROOT_NAMES)} listed names: delete it, "
            "move it into the folder it belongs to, or list it in checks/bounds.py"
        )


def leftovers(files: Sequence[PurePosixPath]) -> Iterator[str]:
    """Name what a patch or a merge left behind."""
    for path in files:
        if path.suffix in LEFT_BY_TOOLS:
            yield (
                f"{path} was left behind by a patch or a merge and is tracked: delete it, with "
                "`git rm`"
            )


def wide_folders(sources: Sequence[PythonFile]) -> Iterator[str]:
    """Name the folders with too many modules."""
    for folder, modules in sorted(modules_by_folder(sources).items()):
        if modules > MAX_FOLDER_MODULES:
            yield (
                f"{folder} holds {modules} modules, at most {MAX_FOLDER_MODULES} may be in a "
                "folder: group those of one subject in a folder below it"
            )


def long_files(sources: Sequence[PythonFile]) -> Iterator[str]:
    """Name the files that are too long."""
    for source in sources:
        if source.package not in OF_ANY_LENGTH and source.lines > MAX_FILE_LINES:
            yield (
                f"{source.path} has {source.lines} lines, a file may have at most "
                f"{MAX_FILE_LINES}: move a noun or a decision of it to a file of its own"
            )


def thin_args(sources: Sequence[PythonFile]) -> Iterator[str]:
    """Name the Args entries of the product that say nothing."""
    for source in _product(sources):
        for entry in args_entries(ast.parse(source.text)):
            if entry.is_thin:
                yield (
                    f'{source.path} says of {entry.owner}({entry.name}) only "{entry.text}", an '
                    f"Args entry has more than {MAX_THIN_WORDS} words: say its meaning, unit, "
                    "range or source, or remove it where its name says all"
                )


def bare_constants(sources: Sequence[PythonFile]) -> Iterator[str]:
    """Name the constants of the product whose reason does not stand beside them."""
    for source in _product(sources):
        for name, is_told in constants(ast.parse(source.text), source.text):
            if not is_told:
                yield (
                    f"{source.path} gives no reason for {name}, every constant has one beside it: "
                    "write its unit and its reason into a string below it or a comment at its line"
                )


def _product(sources: Sequence[PythonFile]) -> Iterator[PythonFile]:
    return (source for source in sources if source.is_product)


def modules_by_folder(sources: Sequence[PythonFile]) -> Counter[PurePosixPath]:
    """Python files that lie directly in each folder."""
    return Counter(source.folder for source in sources)
