"""Where the commands print what people read, and write what programs read."""

import json
from pathlib import Path
from typing import Any

from rich.console import Console

out = Console()
err = Console(stderr=True)


def write_json(path: Path, content: Any) -> None:
    """Write results for programs, a value a line."""
    path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
