"""Reads a configuration file into its type; a mistake is named with file, line and path."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

import msgspec

from devices import duration
from devices.duration import Duration

T = TypeVar("T")
_PLACE = re.compile(r" - at `\$\.?(.*?)`$")
_FIELD = re.compile(r"^Object contains unknown field `([^`]+)`$")
_ABSENT = re.compile(r"^Object missing required field `([^`]+)`$")
_TOML_LINE = re.compile(r"\(at line (\d+), column \d+\)")


class DocumentError(Exception):
    """A configuration file cannot be used; the text says where and why."""


def read(path: Path, kind: type[T]) -> T:
    """The file at ``path`` as a ``kind``. Spans of time are written as in ``devices.duration``.

    Raises:
        DocumentError: unreadable, not TOML, or not of this kind.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DocumentError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise DocumentError(f"{path}:{line}: is not UTF-8 text; save it as UTF-8") from error
    return parse(text, kind, name=str(path))


def parse(text: str, kind: type[T], *, name: str) -> T:
    """The TOML ``text`` as a ``kind``; ``name`` is what errors call it.

    Raises:
        DocumentError: not TOML, or not of this kind.
    """
    try:
        return msgspec.toml.decode(text, type=kind, dec_hook=_from_text)
    except msgspec.ValidationError as error:
        raise DocumentError(_addressed(name, text, kind, str(error))) from error
    except msgspec.DecodeError as error:
        line = _TOML_LINE.search(str(error))
        where = f":{line[1]}" if line else ""
        raise DocumentError(f"{name}{where}: not TOML: {error}") from error


def _from_text(kind: type, value: object) -> object:
    if kind is Duration:
        if isinstance(value, str):
            return duration.parse(value)
        raise ValueError(f"a span of time is written as text, such as '90s'; got {value!r}")
    raise NotImplementedError(kind)


def _addressed(name: str, text: str, kind: type, message: str) -> str:
    place = _PLACE.search(message)
    path = place[1] if place else ""
    what = message[: place.start()] if place else message
    field = _FIELD.search(what)
    line = line_of(text, path, field[1] if field else None)
    shown = f"{path}: " if path else ""
    if field:
        what = _unknown(field[1], path, kind)
    elif absent := _ABSENT.search(what):
        what = f"the key `{absent[1]}` is missing"
    return f"{name}:{line}: {shown}{what}"


def _unknown(key: str, path: str, kind: type) -> str:
    known = sorted(_keys(msgspec.inspect.type_info(kind), _steps(path)))
    meant = get_close_matches(key, known, n=1)
    if meant:
        return f"unknown key `{key}`; did you mean `{meant[0]}`?"
    return f"unknown key `{key}`; known here: {', '.join(known)}"


def _keys(kind: msgspec.inspect.Type, steps: list[str]) -> Iterator[str]:
    """The keys that may stand in the table that ``steps`` lead to."""
    match kind:
        case msgspec.inspect.UnionType(types=types):
            for one in types:
                yield from _keys(one, steps)
        case msgspec.inspect.VarTupleType(item_type=item) if steps:
            yield from _keys(item, steps[1:])
        case msgspec.inspect.StructType(fields=fields, tag_field=tag):
            if not steps:
                yield from (field.encode_name for field in fields)
                yield from [tag] if tag else []
            for field in fields:
                if steps and field.encode_name == steps[0]:
                    yield from _keys(field.type, steps[1:])


def _steps(path: str) -> list[str]:
    """The keys and indices in a path such as ``rule[1].limit``."""
    return [step for step in re.split(r"[.\[\]]+", path) if step]


def line_of(text: str, path: str, field: str | None = None) -> int:
    """The line of ``text`` at which the value at ``path`` (``rule[1].limit``) stands, or nearly.

    With inline tables and dotted keys the line is that of the nearest key above it.
    """
    steps = _steps(path) + ([field] if field else [])
    lines = text.splitlines()
    at, header = 0, ""
    for step in steps:
        if step.isdigit():
            at = _nth_header(lines, f"[[{header}]]", int(step), at)
            continue
        longer = f"{header}.{step}" if header else step
        found = _find(lines, step, longer, at)
        if found is not None:
            at = found
        header = longer
    return at + 1


def _nth_header(lines: list[str], header: str, index: int, at: int) -> int:
    places = [n for n, line in enumerate(lines) if line.replace(" ", "").startswith(header)]
    return places[index] if index < len(places) else at


def _find(lines: list[str], key: str, header: str, start: int) -> int | None:
    assignment = re.compile(rf"""\s*["']?{re.escape(key)}["']?\s*=""")
    inline = re.compile(rf"""[{{,]\s*["']?{re.escape(key)}["']?\s*=""")
    heads = (f"[{header}]", f"[[{header}]]")
    for number in range(start, len(lines)):
        line = lines[number]
        if line.replace(" ", "").startswith(heads) or assignment.match(line) or inline.search(line):
            return number
    return None
