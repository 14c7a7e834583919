"""``culturewatch rehearse FILE...``: plays stories and says where they do not hold."""

from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import msgspec

from alerts.rehearse.compare import compare
from alerts.rehearse.player import play
from alerts.rehearse.reading import read
from alerts.rehearse.script import StoryError
from devices.document import DocumentError

HOLDS, DIFFERS, WRONG = 0, 1, 2


def rehearse(paths: Sequence[Path], *, json: bool, out: TextIO) -> int:
    """Play each story; 0 when all hold, 1 at the first difference, 2 when a file is wrong.

    As JSON the timeline is printed, one object a line; a difference is the last of them.
    """
    for path in paths:
        try:
            code = _one(path, json=json, out=out)
        except DocumentError as error:
            out.write(f"{error}\n")
            return WRONG
        except StoryError as error:
            out.write(f"{path}: {error}\n")
            return WRONG
        if code != HOLDS:
            return code
    return HOLDS


def _one(path: Path, *, json: bool, out: TextIO) -> int:
    story = read(path)
    outcome = play(story)
    difference = compare(story, outcome)
    if json:
        objects = [entry.written() for entry in outcome.timeline]
        objects += [difference.written()] if difference else []
        out.writelines(f"{msgspec.json.encode(one).decode()}\n" for one in objects)
    elif difference is None:
        out.write(f"holds    {path}: {story.title}\n")
    else:
        out.write(f"DIFFERS  {path}: {story.title}\n{difference}\n")
    return HOLDS if difference is None else DIFFERS
