"""The client alone: what importing it loads, and what installing it brings."""

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ["torch", "faiss", "numpy", "scipy", "sklearn", "pyarrow", "sentence_transformers"]
EVERYTHING = "import scheduler_client as s; [getattr(s, name) for name in s.__all__]"


def output_of(python, code, cwd):
    """What Python prints, run where the source tree is not found by accident."""
    command = [python, "-I", "-c", code]
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout


def loaded_by(code, cwd):
    """The modules and packages that are loaded after `code`, with only ROOT added to the path."""
    script = f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}; print(*sys.modules)"
    return set(output_of(sys.executable, script, cwd).split())


def test_importing_the_client_loads_nothing_heavy_even_where_it_is_installed(tmp_path):
    loaded = loaded_by(EVERYTHING, tmp_path)
    assert "grpc" in loaded
    assert loaded.isdisjoint([*HEAVY, "lengthwise.index", "typer", "rich", "structlog", "pydantic"])


def test_importing_the_priorities_does_not_even_load_grpc(tmp_path):
    loaded = loaded_by("from scheduler_client import aged_key, ServiceTimeModel", tmp_path)
    assert loaded.isdisjoint(["grpc", "google", "lengthwise.v1", *HEAVY])


def test_an_unknown_name_of_the_package_is_an_attribute_error():
    import scheduler_client

    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        scheduler_client.nonsense  # noqa: B018


@pytest.fixture(scope="module")
def clean_python(tmp_path_factory):
    """The interpreter of an environment that holds `pip install lengthwise` and nothing else.

    Installed from a copy, since building writes into the source tree.
    """
    folder = tmp_path_factory.mktemp("clean")
    source = folder / "source"
    source.mkdir()
    for package in ("lengthwise", "scheduler_client"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, source / package, ignore=ignored)
    for name in ("pyproject.toml", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    (source / "README.md").write_text("Lengthwise\n")
    venv.create(folder / "env", with_pip=True, symlinks=True)
    python = folder / "env" / "bin" / "python"
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", source],
        check=True,
        env=env,
        capture_output=True,
    )
    shutil.rmtree(source)
    return python


def test_installed_alone_the_client_brings_neither_torch_nor_faiss_nor_numpy(clean_python):
    listing = subprocess.run(
        [clean_python, "-m", "pip", "list", "--format", "json", "--disable-pip-version-check"],
        check=True,
        capture_output=True,
    ).stdout
    installed = {package["name"].lower() for package in json.loads(listing)}
    expected = {"lengthwise", "grpcio", "protobuf", "typing_extensions", "pip", "setuptools"}
    assert installed <= expected
    assert {"lengthwise", "grpcio", "protobuf"} <= installed


def test_installed_alone_every_public_name_imports(clean_python, tmp_path):
    missing = f"import importlib.util as u; print([m for m in {HEAVY} if u.find_spec(m)])"
    assert output_of(clean_python, f"{EVERYTHING}; {missing}", tmp_path) == "[]\n"


def test_installed_alone_the_command_line_works(clean_python, tmp_path, running):
    def command(*args):
        return subprocess.run(
            [clean_python, "-I", "-m", "scheduler_client", *args],
            cwd=tmp_path,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    assert "predict the output length of prompts" in command("--help")
    assert json.loads(command("predict", "hi", "--json", "--target", running.target))
    assert command("health", "--target", running.target) == "SERVING\n"
