"""Writes ``dashboards/json``: ``python -m tools.dashboards``."""

import sys
from pathlib import Path

from tools.dashboards.boards import all_boards

FOLDER = Path(__file__).parents[2] / "dashboards" / "json"


def main() -> None:
    """Write every dashboard, and remove what is none any more."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    made = all_boards()
    for old in FOLDER.glob("*.json"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"{FOLDER / name}\n")


if __name__ == "__main__":
    main()
