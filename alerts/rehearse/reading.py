"""From a file to a story that can be told, or to all that is wrong with it."""

from collections.abc import Iterator
from pathlib import Path

from alerts.rehearse import consistency, wanted
from alerts.rehearse.left_out import completed
from alerts.rehearse.script import specs
from alerts.rehearse.story import Story
from alerts.rulebook import RuleError, build
from devices import document
from devices.document import DocumentError


def read(path: Path) -> Story:
    """The story at ``path``.

    Raises:
        DocumentError: all that is wrong, one a line, each with file, line and place.
    """
    story = completed(document.read(path, Story))
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
