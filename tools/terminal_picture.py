"""``python -m tools.terminal_picture SITE SVG``: ``culturewatch status`` as a picture."""

import sys
from io import StringIO
from pathlib import Path

from rich.console import Console

from culturewatch.show import viewer
from culturewatch.site import load
from culturewatch.table import render

WIDTH, HEIGHT = 128, 36
# The template of the library fetches a font from elsewhere; this one takes what is there.
FORMAT = """<svg class="rich-terminal" viewBox="0 0 {width} {height}"
 xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-family: sans-serif; font-size: 18px; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" /></clipPath>
{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g>
</g>
</svg>
"""


def main() -> None:
    """Draw the site named first into the file named second."""
    site = load(Path(sys.argv[1]))
    console = Console(record=True, width=WIDTH, force_terminal=True, file=StringIO())
    title = site.file.site.name
    view = viewer(site).look()
    console.print(render(view, site.zone, title=title, width=WIDTH, height=HEIGHT))
    console.save_svg(sys.argv[2], title="culturewatch", code_format=FORMAT, unique_id="cw")


if __name__ == "__main__":
    main()
