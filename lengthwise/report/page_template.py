"""Loads the template of a page: each package has its own, and all share one frame and style."""

from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template

SHARED = ("base.html", "parts.html", "page.css")
"""Lie beside this module: the frame of every page, what several hold, and the style sheet."""

PAGE = "page.html"
"""Each package has its own."""


def page_template(package: str) -> Template:
    """The page.html of a package, which extends base.html.

    Args:
        package: Dotted name of the package that the page lies in.
    """

    def load(name: str) -> str:
        owner = "lengthwise.report" if name in SHARED else package
        return files(owner).joinpath(name).read_text("utf-8")

    environment = Environment(
        loader=FunctionLoader(load),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(PAGE)
