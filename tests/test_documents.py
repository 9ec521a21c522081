"""The documents say where things are, and things are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    page
    for page in ROOT.rglob("*.md")
    if not any(part.startswith(".") for part in page.relative_to(ROOT).parts)
)
MAPS = [ROOT / "README.md", ROOT / "docs" / "architecture.md"]

FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
PATH = re.compile(
    r"[\w.-]+(?:/[\w.-]+)*/(?:[\w-]+(?:\.[\w-]+)*\.(?:json|md|png|proto|py|svg|yml))?"
)


def prose(page):
    return FENCE.sub("", page.read_text("utf-8"))


def anchors(page):
    """What a page's headings may be linked by, as GitHub makes it of their text."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {text.strip().replace(" ", "-") for text in kept}


def broken(page, link):
    target, _, fragment = link.partition("#")
    found = (page.parent / target).resolve() if target else page
    return not found.exists() or (bool(fragment) and fragment not in anchors(found))


def test_the_readme_is_read_in_one_sitting():
    text = (ROOT / "README.md").read_text("utf-8")
    assert len(text.splitlines()) <= 150
    assert len(text.encode()) <= 9_000


@pytest.mark.parametrize("page", MAPS, ids=lambda page: page.name)
def test_every_path_that_a_map_of_the_house_names_exists(page):
    named = {span for span in CODE.findall(prose(page)) if PATH.fullmatch(span)}
    assert named
    missing = sorted(path for path in named if not (ROOT / path).exists())
    assert not missing, f"{page.name} names what is not there: {', '.join(missing)}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_within_the_project_leads_somewhere(page):
    links = [link for link in LINK.findall(prose(page)) if not re.match(r"\w+:", link)]
    dead = [link for link in links if broken(page, link)]
    assert not dead, f"{page.name} links to what is not there: {', '.join(dead)}"
