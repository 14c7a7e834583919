"""Reads a configuration file into its type; a mistake is named with file, line and path."""

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec.inspect import LiteralType, StructType, Type, UnionType, VarTupleType

from devices import duration
from devices.duration import Duration

T = TypeVar("T")
_PLACE = re.compile(r" - at `\$\.?(.*?)`$")
_FIELD = re.compile(r"^Object contains unknown field `([^`]+)`$")
_ABSENT = re.compile(r"^Object missing required field `([^`]+)`$")
_CHOICE = re.compile(r"^Invalid enum value (.+)$")
_TABLE = re.compile(r"`object( \| null)?`")
_QUOTE = "'"
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
        # Some editors begin a file with a byte order mark, which TOML does not know.
        return msgspec.toml.decode(text.removeprefix("\ufeff"), type=kind, dec_hook=_from_text)
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
    found = list(_types(msgspec.inspect.type_info(kind), _steps(path)))
    if field:
        what = f"unknown key `{field[1]}`; {_meant(field[1], _keys(found))}"
    elif absent := _ABSENT.search(what):
        what = f"the key `{absent[1]}` is missing"
    elif choice := _CHOICE.search(what):
        what = f"{choice[1]} is not known here; {_meant(choice[1].strip(_QUOTE), _choices(found))}"
    what = _TABLE.sub(f"a table of {', '.join(_keys(found))}", what)
    return f"{name}:{line}: {shown}{what}"


def _meant(word: str, known: Iterable[str]) -> str:
    known = list(known)
    near = get_close_matches(word, known, n=1)
    return f"did you mean `{near[0]}`?" if near else f"known: {', '.join(known)}"


def _types(kind: Type, steps: list[str]) -> Iterator[Type]:
    """What may stand at the place that ``steps`` lead to."""
    match kind:
        case UnionType(types=types):
            for one in types:
                yield from _types(one, steps)
        case VarTupleType(item_type=item) if steps:
            yield from _types(item, steps[1:])
        case StructType(fields=fields) if steps:
            for field in fields:
                if field.encode_name == steps[0]:
                    yield from _types(field.type, steps[1:])
        case _ if not steps:
            yield kind
        case _:
            return


def _keys(found: Iterable[Type]) -> Iterator[str]:
    for kind in found:
        if isinstance(kind, StructType):
            yield from [kind.tag_field] if kind.tag_field else []
            yield from (field.encode_name for field in kind.fields)


def _choices(found: Iterable[Type]) -> Iterator[str]:
    for kind in found:
        if isinstance(kind, LiteralType):
            yield from map(str, kind.values)


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
    within = range(start, len(lines))
    # A table's own head goes before the same word in an inline table above it.
    for number in within:
        if lines[number].replace(" ", "").startswith(heads):
            return number
    for number in within:
        line = lines[number]
        if assignment.match(line) or (inline.search(line) and not line.lstrip().startswith("#")):
            return number
    return None
