"""The console's templates: everything that others wrote is escaped. The one door to jinja2."""

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

__all__ = ["Template", "environment"]


def environment() -> Environment:
    """Templates of this package; whoever uses them adds filters of their own."""
    return Environment(
        loader=PackageLoader("console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # A newer version may be laid over the files while this one runs.
        auto_reload=False,
    )
