"""What hadolint does not look at: a base that can be replaced, a user without rights, no strays."""

import fnmatch
import re

import pytest

from testbed.engine import ROOT

DOCKERFILES = sorted((ROOT / "docker").glob("*.Dockerfile"))
OWNED_BY_NOBODY = "10001:10001"


def instructions(path):
    """Words by line, continued lines joined, comments left out."""
    text = re.sub(r"^\s*#.*\n", "", path.read_text(), flags=re.MULTILINE)
    return [line.split() for line in text.replace("\\\n", " ").splitlines() if line.strip()]


@pytest.fixture(params=DOCKERFILES, ids=lambda path: path.name)
def dockerfile(request):
    return instructions(request.param)


def test_it_begins_with_a_pinned_base_that_a_build_may_replace(dockerfile):
    name, value = dockerfile[0][1].split("=")
    assert (dockerfile[0][0], name) == ("ARG", "BASE_IMAGE")
    assert re.search(r":v?\d+\.\d+\.\d+", value)
    stages = {line[3] for line in dockerfile if line[0] == "FROM" and len(line) > 3}
    assert all(line[1] in {"${BASE_IMAGE}", *stages} for line in dockerfile if line[0] == "FROM")


def test_it_runs_as_a_user_without_rights(dockerfile):
    assert [line[1] for line in dockerfile if line[0] == "USER"] == [OWNED_BY_NOBODY]


def test_what_it_copies_is_there_and_not_ignored(dockerfile):
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = [line[1:] for line in ignored if line.startswith("!")]
    copied = [
        source
        for line in dockerfile
        if line[0] == "COPY" and not line[1].startswith("--")
        for source in line[1:-1]
    ]
    assert copied
    for source in copied:
        assert (ROOT / source).exists()
        assert any(fnmatch.fnmatch(source, pattern) for pattern in allowed)


def test_pip_installs_nothing_without_a_pin(dockerfile):
    for line in dockerfile:
        command = " ".join(line)
        if "pip install" in command:
            assert "--constraint constraints" in command or "--no-deps" in command
