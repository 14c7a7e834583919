"""``culturewatch rehearse FILE...``: plays stories and says where they do not hold."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import msgspec

from alerts.rehearse.compare import compare, mistakes
from alerts.rehearse.player import play
from alerts.rehearse.script import StoryError
from alerts.rehearse.story import Story
from devices import document
from devices.document import DocumentError

HOLDS, DIFFERS, WRONG = 0, 1, 2
_UNKNOWN = re.compile(r"unknown key `(\w+)`.*")
_LATER = frozenset(
    {"shelve", "unshelve", "suppress", "out_of_service", "in_service", "kill_at", "restore"}
)
"""Verbs of the format that need what this version does not have."""


def rehearse(paths: Sequence[Path], *, json: bool, out: TextIO) -> int:
    """Play each story; 0 when all hold, 1 at the first difference, 2 when a file is wrong."""
    for path in paths:
        try:
            code = _one(path, json=json, out=out)
        except (DocumentError, StoryError) as error:
            out.write(f"{_later(str(error), path)}\n")
            return WRONG
        if code != HOLDS:
            return code
    return HOLDS


def _one(path: Path, *, json: bool, out: TextIO) -> int:
    story = document.read(path, Story)
    wrong = list(mistakes(story))
    if wrong:
        raise StoryError("\n".join(wrong))
    outcome = play(story)
    if json:
        out.writelines(
            msgspec.json.encode(entry.written()).decode() + "\n" for entry in outcome.timeline
        )
    difference = compare(story, outcome)
    if difference is None:
        if not json:
            out.write(f"holds    {path}: {story.title}\n")
        return HOLDS
    if not json:
        out.write(f"DIFFERS  {path}: {story.title}\n{difference}\n")
    return DIFFERS


def _later(text: str, path: Path) -> str:
    found = _UNKNOWN.search(text)
    if found and found[1] in _LATER:
        return _UNKNOWN.sub(f"this version cannot tell {found[1]} yet", text)
    return text if text.startswith(str(path)) else f"{path}: {text}"
