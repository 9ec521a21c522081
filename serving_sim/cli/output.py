"""Where the commands print what people read."""

from rich.console import Console

out = Console()
err = Console(stderr=True)
