"""Puts the tables of committed results into READMEs: `python -m benchmarks.readme [--check]`.

Between `<!-- benchmark:NAME -->` and `<!-- /benchmark:NAME -->` stands what results/NAME.json
says; `NAME/TABLE` means one table of it, and the name of a digest that digest.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness.digests import DIGESTS
from benchmarks.harness.machine import describe
from benchmarks.harness.report import read_tables

HERE = Path(__file__).parent
RESULTS = HERE / "results"
DOCS = HERE.parent / "docs"
READMES = (
    HERE.parent / "README.md",
    HERE / "README.md",
    DOCS / "autoscaling.md",
    DOCS / "autoscaling_results.md",
    DOCS / "gateways_envoy.md",
    DOCS / "kv_swap.md",
    DOCS / "scale.md",
    DOCS / "simulator.md",
    DOCS / "simulator_results.md",
    DOCS / "training.md",
)
MARKED = re.compile(
    r"(?P<open><!-- benchmark:(?P<name>[\w/]+) -->\n).*?(?P<close><!-- /benchmark:(?P=name) -->)",
    re.DOTALL,
)

Renderer = Callable[[str], str | None]


def render(data: dict[str, Any], table: str = "", *, details: bool = False) -> str:
    """The tables of a report as Markdown.

    Args:
        data: The report, as its JSON has it.
        table: Only this one; "" means all.
        details: Also those that are for who looks closer.
    """
    parts: list[str] = []
    for one in read_tables(data):
        if (table and one.name != table) or (one.detail and not (details or table)):
            continue
        parts += [f"**{one.title}**", one.to_markdown(), *one.notes]
    parts += [] if table else [f"- {note}" for note in data["notes"]]
    parts.append(_origin(data))
    return "\n\n".join(parts)


def _origin(data: dict[str, Any]) -> str:
    return f"Measured {data['created'][:10]} by `{data['command']}` on {describe(data['machine'])}."


def replaced(text: str, renderer: Renderer) -> str:
    """A text with what stands between its markers made anew.

    Args:
        text: The whole of a README, in Markdown.
        renderer: Gives what belongs between the markers of a name; None leaves it as it is.
    """

    def replace(match: re.Match[str]) -> str:
        body = renderer(match["name"])
        return match[0] if body is None else f"{match['open']}\n{body}\n\n{match['close']}"

    return MARKED.sub(replace, text)


def results_renderer(results: Path, *, details: bool) -> Renderer:
    """Renders what a folder of results holds."""

    def renderer(name: str) -> str | None:
        if name in DIGESTS:
            return DIGESTS[name].to_markdown(results)
        benchmark, _, table = name.partition("/")
        path = results / f"{benchmark}.json"
        if not path.exists():
            return None
        return render(json.loads(path.read_text("utf-8")), table, details=details)

    return renderer


def main(argv: Sequence[str] | None = None) -> int:
    """Write the READMEs, or check them.

    Returns:
        1 if --check finds a stale one, else 0.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.readme", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if stale")
    options = parser.parse_args(argv)
    stale: list[Path] = []
    for path in (path for path in READMES if path.exists()):
        text = path.read_text("utf-8")
        fresh = replaced(text, results_renderer(RESULTS, details=path.parent == HERE))
        if fresh != text:
            stale.append(path)
            if not options.check:
                path.write_text(fresh, "utf-8")
    for path in stale:
        verb = "is stale: run python -m benchmarks.readme" if options.check else "written"
        print(f"{path.relative_to(HERE.parent)} {verb}")
    return int(bool(stale) and options.check)


if __name__ == "__main__":
    sys.exit(main())
