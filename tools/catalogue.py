"""What the console says, as it stands in its sources: for catalogues, and the test that holds them.

``python -m tools.catalogue de`` prints what the catalogue of a language lacks.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

CONSOLE = Path(__file__).parent.parent / "console"
_METHODS = [("**.py", "python"), ("**.j2", "jinja2")]
_KEYWORDS = {"_": None, "say": None}


def said() -> Iterator[str]:
    """Every text that is handed to ``console.speech`` where it is written."""
    found = extract_from_dir(CONSOLE, _METHODS, keywords=_KEYWORDS)
    for _, _, message, _, _ in found:
        if isinstance(message, str):
            yield message


def missing(language: str) -> list[str]:
    """What the catalogue of ``language`` does not say."""
    with (CONSOLE / "locale" / f"{language}.po").open("rb") as source:
        catalogue = read_po(source, locale=language)
    known = {message.id for message in catalogue if message.string}
    return sorted({text for text in said() if text} - known)


if __name__ == "__main__":
    sys.stdout.write("".join(f"{text}\n" for text in missing(sys.argv[1])))
