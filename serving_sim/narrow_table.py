"""A table on a terminal, with room for many columns."""

from rich import box
from rich.table import Table


def narrow_table(title: str) -> Table:
    """One without columns yet, drawn so that many fit into 80 characters."""
    return Table(
        title=title,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
