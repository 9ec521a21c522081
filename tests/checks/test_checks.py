"""The repository's own bounds are counted and held."""

import ast
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import pytest

from checks.__main__ import main
from checks.bounds import (
    MAX_FILE_LINES,
    MAX_FOLDER_MODULES,
    bare_constants,
    leftovers,
    long_files,
    stray_names,
    thin_args,
    wide_folders,
)
from checks.documented import ArgsEntry, args_entries, constants
from checks.figures import Figures
from checks.files import PythonFile, python_files, repository_files

Bound = Callable[..., Iterator[str]]

DOCUMENTED = '''
def drift(told, hours):
    """Count.

    Args:
        told: Told of the same.
        hours: How long the traffic lasts, in simulated hours, at
            least 1.
        *rest: What is
            left.

    Returns:
        told: no entry of Args
    """
'''
CONSTANTS = '''
BARE = 1
SAME_LINE = 2  # seconds
# Above it.
ABOVE = 3
NEXT = 4
BELOW: int = 5
"""Tokens."""

TEXT = "# no comment"
_T = TypeVar("_T")
lower = 6
'''


def python(path: str, lines: int = 1) -> PythonFile:
    return PythonFile(PurePosixPath(path), "x = 1\n" * lines)


def written(path: str, text: str) -> PythonFile:
    return PythonFile(PurePosixPath(path), text)


def write(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = 1\n")


def paths(*names: str) -> list[PurePosixPath]:
    return [PurePosixPath(name) for name in names]


def test_a_name_at_the_root_that_is_not_listed_is_told_with_what_to_do():
    (message,) = stray_names(paths("README.md", "docs/index.md", "a-draft", "lengthwise/a.py"))
    assert message.startswith("a-draft stands at the root")
    assert "delete it" in message


@pytest.mark.parametrize("ending", ["orig", "rej"])
def test_what_a_patch_left_behind_is_told_wherever_it_lies(ending: str):
    (message,) = leftovers(paths("docs/orig.md", "serving_sim/a.py", f"serving_sim/a.py.{ending}"))
    assert message.startswith(f"serving_sim/a.py.{ending} was left behind")


def test_a_folder_is_told_of_once_it_holds_more_modules_than_the_bound():
    full = [python(f"serving_sim/m{i}.py") for i in range(MAX_FOLDER_MODULES)]
    assert not list(wide_folders([*full, python("serving_sim/below/m.py")]))
    (message,) = wide_folders([*full, python("serving_sim/one_more.py")])
    assert message.startswith(f"serving_sim holds {MAX_FOLDER_MODULES + 1} modules, at most ")


@pytest.mark.parametrize("package", ["lengthwise", "demo"])
def test_a_file_is_told_of_once_it_has_more_lines_than_the_bound(package: str):
    assert not list(long_files([python(f"{package}/a.py", MAX_FILE_LINES)]))
    (message,) = long_files([python(f"{package}/a.py", MAX_FILE_LINES + 1)])
    assert message.startswith(f"{package}/a.py has {MAX_FILE_LINES + 1} lines, a file may have")


@pytest.mark.parametrize("package", ["tests", "benchmarks"])
def test_tests_and_benchmarks_may_be_of_any_length(package: str):
    assert not list(long_files([python(f"{package}/a.py", MAX_FILE_LINES + 1)]))


def test_entries_of_args_are_read_over_several_lines_and_end_with_the_section():
    entries = list(args_entries(ast.parse(DOCUMENTED)))
    assert entries == [
        ArgsEntry("drift", "told", "Told of the same."),
        ArgsEntry("drift", "hours", "How long the traffic lasts, in simulated hours, at least 1."),
        ArgsEntry("drift", "*rest", "What is left."),
    ]
    assert [entry.is_thin for entry in entries] == [True, False, True]


def test_a_constant_has_its_reason_in_a_comment_or_in_a_docstring_below():
    assert dict(constants(ast.parse(CONSTANTS), CONSTANTS)) == {
        "BARE": False,
        "SAME_LINE": True,
        "ABOVE": True,
        "NEXT": False,
        "BELOW": True,
        "TEXT": False,
    }


def test_an_args_entry_that_says_nothing_is_told_with_its_file_its_function_and_what_to_do():
    first, second = thin_args([written("lengthwise/a.py", DOCUMENTED)])
    assert first.startswith('lengthwise/a.py says of drift(told) only "Told of the same."')
    assert "say its meaning, unit, range or source" in first
    assert second.startswith("lengthwise/a.py says of drift(*rest) only")


def test_a_constant_without_a_reason_is_told_with_its_file_and_what_to_do():
    messages = list(bare_constants([written("lengthwise/a.py", CONSTANTS)]))
    names = [message.split(" gives no reason for ")[1].split(",")[0] for message in messages]
    assert names == ["BARE", "NEXT", "TEXT"]
    assert all(message.startswith("lengthwise/a.py ") for message in messages)
    assert all("write its unit and its reason" in message for message in messages)


@pytest.mark.parametrize("bound", [thin_args, bare_constants])
def test_words_are_held_in_the_product_alone(bound: Bound):
    assert not list(bound([written("tests/a.py", DOCUMENTED + CONSTANTS)]))


def test_figures_are_of_the_product_but_the_widest_folder_is_of_all():
    sources = [python("lengthwise/a.py", 10), python("scheduler_client/b.py", 30)]
    sources += [python(f"tests/t{i}.py", 900) for i in range(3)]
    figures = Figures.from_files(sources)
    assert (figures.files, figures.median_lines) == (2, 20)
    assert (figures.longest, figures.widest) == (("scheduler_client/b.py", 30), ("tests", 3))


def test_a_folder_without_any_product_file_is_refused():
    with pytest.raises(ValueError, match="expected the folder of the repository"):
        Figures.from_files([python("tests/a.py")])


def test_generated_code_is_not_counted(tmp_path: Path):
    write(tmp_path, "lengthwise/a.py", "lengthwise/v1/wire_pb2.py")
    (found,) = python_files(tmp_path, repository_files(tmp_path))
    assert str(found.path) == "lengthwise/a.py"


def test_without_git_everything_counts_but_what_gitignore_names(tmp_path: Path):
    write(tmp_path, "lengthwise/a.py", "lengthwise/__pycache__/a.pyc", "index/x", "docs/index/y")
    write(tmp_path, ".venv-vllm/bin/python", "one.egg-info/PKG-INFO")
    (tmp_path / ".gitignore").write_text(".venv-*\n__pycache__/\n*.egg-info/\n/index/\n")
    assert repository_files(tmp_path) == paths(".gitignore", "docs/index/y", "lengthwise/a.py")


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_with_git_only_what_it_tracks_and_what_is_still_there_counts(tmp_path: Path):
    write(tmp_path, "lengthwise/a.py", "lengthwise/gone.py", "my-own-notes")
    for command in (["init", "--quiet"], ["add", "lengthwise"]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    (tmp_path / "lengthwise" / "gone.py").unlink()
    assert repository_files(tmp_path) == paths("lengthwise/a.py")


def test_the_command_fails_on_the_error_stream_and_prints_its_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    write(tmp_path, "lengthwise/a.py")
    assert main([str(tmp_path)]) == 0
    write(tmp_path, "a-draft", "lengthwise/a.py.orig")
    (tmp_path / "lengthwise" / "a.py").write_text(DOCUMENTED + CONSTANTS)
    assert main([str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert "product files          1" in printed.out
    assert printed.err.startswith("a-draft stands at the root")
    assert "lengthwise/a.py.orig was left behind" in printed.err
    assert "says of drift(told) only" in printed.err
    assert "gives no reason for BARE" in printed.err
