"""The layouts once more, as text beside the journal: scans outlive a bad page of them."""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from devices.scan import Layout
from storage.pack import NOTE, checksum, layout_body

NAME = "journal.layouts"


class _Line(msgspec.Struct, frozen=True):
    number: int
    crc: int
    layout: Layout


def read(folder: Path) -> dict[int, Layout]:
    """Layouts by their number, as far as the file says so beyond doubt.

    Raises:
        OSError: the file is there and cannot be read.
    """
    found: dict[int, Layout] = {}
    doubtful: set[int] = set()
    for line in _sound_lines(folder / NAME):
        if found.setdefault(line.number, line.layout) != line.layout:
            doubtful.add(line.number)
    return {number: layout for number, layout in found.items() if number not in doubtful}


def highest(folder: Path) -> int:
    """The highest number that was given to a layout; 0 if none was.

    Raises:
        OSError: the file is there and cannot be read.
    """
    return max((line.number for line in _sound_lines(folder / NAME)), default=NOTE)


def add(folder: Path, layouts: Mapping[Layout, int]) -> None:
    """Write down layouts and their numbers; on disk when this returns.

    Raises:
        OSError: the file cannot be written.
    """
    lines = [
        msgspec.json.encode(_Line(number, _crc(number, layout), layout))
        for layout, number in layouts.items()
    ]
    file = os.open(folder / NAME, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
    try:
        # A line that a crash cut must not take the next one with it.
        os.write(file, b"\n" + b"\n".join(lines) + b"\n")
        os.fsync(file)
    finally:
        os.close(file)


def _sound_lines(path: Path) -> list[_Line]:
    found: list[_Line] = []
    if not path.exists():
        return found
    for text in path.read_bytes().splitlines():
        try:
            line = msgspec.json.decode(text, type=_Line)
        except (msgspec.MsgspecError, ValueError):
            continue
        if line.crc == _crc(line.number, line.layout):
            found.append(line)
    return found


def _crc(number: int, layout: Layout) -> int:
    return checksum(number, NOTE, NOTE, layout_body(layout))
