"""From a file to a story that can be told, or to all that is wrong with it."""

import re
from collections.abc import Iterator
from pathlib import Path

from alerts.rehearse import consistency, wanted
from alerts.rehearse.script import specs
from alerts.rehearse.story import Story
from alerts.rulebook import RuleError, build
from devices import document
from devices.document import DocumentError

LATER_KEYS = frozenset({"kill_at", "restore"})
"""Keys of the format that need what this version does not have."""

_KEY = re.compile(r"unknown key `([\w-]+)`.*")


def read(path: Path) -> Story:
    """The story at ``path``.

    Raises:
        DocumentError: all that is wrong, one a line, each with file, line and place.
    """
    try:
        story = document.read(path, Story)
    except DocumentError as error:
        raise DocumentError(_not_yet(str(error))) from error
    wrong = list(_mistakes(path, path.read_text(encoding="utf-8"), story))
    if wrong:
        raise DocumentError("\n".join(wrong))
    return story


def _mistakes(path: Path, text: str, story: Story) -> Iterator[str]:
    rules = [rule.id for rule in story.rule]
    try:
        book = build(
            story.rule,
            channels=specs(story),
            policies=story.policy,
            people=story.people,
            text=text,
            name=str(path),
        )
    except RuleError as error:
        for line in str(error).splitlines():
            yield line if line.startswith(str(path)) else f"{path}: {line}"
    else:
        rules = [rule.id for rule in book.rules]
    for found in (consistency.mistakes(story, rules), wanted.mistakes(story, rules)):
        for mistake in found:
            line_number = document.line_of(text, mistake.place)
            yield f"{path}:{line_number}: {mistake.place}: {mistake.text}"


def _not_yet(text: str) -> str:
    found = _KEY.search(text)
    if found and found[1] in LATER_KEYS:
        return _KEY.sub(f"this version cannot tell {found[1]} yet", text)
    return text
