"""The snippets of docs/clients.md run as they are written."""

import re
from pathlib import Path

import pytest

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "clients.md"
SNIPPETS = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)


def test_the_document_has_snippets():
    assert len(SNIPPETS) >= 10


@pytest.mark.parametrize("snippet", SNIPPETS, ids=range(1, len(SNIPPETS) + 1))
def test_a_snippet_runs_against_a_service(snippet, running):
    code = snippet.replace("127.0.0.1:50051", running.target)
    exec(compile(code, str(DOCUMENT), "exec"), {"__name__": "snippet"})
