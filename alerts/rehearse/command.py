"""``culturewatch rehearse FILE...``: plays stories and says where they do not hold."""

from collections.abc import Iterable, Mapping, Sequence
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

    As JSON the timeline is printed, one object a line; a difference, or what is wrong with a file,
    is the last of them. With several files each object names its ``file``.
    """
    for path in paths:
        named = {"file": str(path)} if len(paths) > 1 else {}
        try:
            code = _one(path, named, json=json, out=out)
        except DocumentError as error:
            code = _wrong(str(error), named, json=json, out=out)
        except StoryError as error:
            code = _wrong(f"{path}: {error}", named, json=json, out=out)
        if code != HOLDS:
            return code
    return HOLDS


def _wrong(text: str, named: dict[str, str], *, json: bool, out: TextIO) -> int:
    if json:
        objects = [{"what": "wrong", "why": line} for line in text.splitlines()]
        _print(objects, named, out)
    else:
        out.write(f"{text}\n")
    return WRONG


def _print(objects: Iterable[Mapping[str, object]], named: dict[str, str], out: TextIO) -> None:
    out.writelines(f"{msgspec.json.encode({**named, **one}).decode()}\n" for one in objects)


def _one(path: Path, named: dict[str, str], *, json: bool, out: TextIO) -> int:
    story = read(path)
    outcome = play(story)
    difference = compare(story, outcome)
    if json:
        objects = [entry.written() for entry in outcome.timeline]
        _print([*objects, *([difference.written()] if difference else [])], named, out)
    elif difference is None:
        out.write(f"holds    {path}: {story.title}\n")
    else:
        out.write(f"DIFFERS  {path}: {story.title}\n{difference}\n")
    return HOLDS if difference is None else DIFFERS
