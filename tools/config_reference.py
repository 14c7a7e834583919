"""``python -m tools.config_reference``: docs/reference/configuration.md, from the types.

A table of a file is a msgspec type; what its docstring says and what its fields are is the page. A
test holds it current.
"""

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import inspect as types

from alerts.rulebook import RuleFile
from batches.protocol import Protocol
from culturewatch.secret import Secret
from culturewatch.site_file import DevicesFile, SiteFile
from culturewatch.watchdog.settings import WatchdogFile
from devices.duration import Duration
from devices.profile import Profile

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "configuration.md"
HEAD = """# Configuration

Made by `python -m tools.config_reference` from the types that read the files; a test holds it
current.

All files are TOML. A misspelt key, a value of the wrong kind, or parts that do not fit together are
mistakes with file and line: `culturewatch check site.toml` finds them before anything is started,
and `culturewatch reload` refuses them and goes on with what ran before. `examples/site.toml` and
`examples/watchdog.toml` have a remark beside each key.

A **span** of time is written `90s`, `5m`, `1h30m`, `2d` or `0:06:00`. A **secret** is never written
into a file: `{ env = "NAME" }` names a variable of the environment, `{ file = "PATH" }` a file
relative to this one. A key without a default has to be given.
"""
FILES: tuple[tuple[str, type, str], ...] = (
    ("site.toml", SiteFile, "The laboratory: devices, people, channels, servers."),
    ("devices.d/*.toml", DevicesFile, "Further devices, in files beside `site.toml`."),
    ("rules.d/*.toml", RuleFile, "What is watched, beside the default rules of `alerts/rules`."),
    (
        "profiles/*.toml",
        Profile,
        "A model of device; [writing a profile](../writing-a-profile.md) leads through it.",
    ),
    (
        "protocol.toml",
        Protocol,
        "What a culture allows; `culturewatch protocol add` takes a version into the ledger.",
    ),
    ("watchdog.toml", WatchdogFile, "The program on another machine that hears the beats."),
)
_WORDS: dict[type[types.Type], str] = {
    types.BoolType: "true or false",
    types.IntType: "whole number",
    types.FloatType: "number",
    types.StrType: "text",
    types.DateType: "date",
}


class Pages:
    """Writes each type once; another place that uses it has a link."""

    def __init__(self) -> None:
        self._waiting: list[tuple[str, types.StructType]] = []
        self._anchors: dict[type, str] = {}
        self._file = ""

    def of_file(self, name: str, kind: type, told: str) -> Iterator[str]:
        """A file, and every table in it that no file before had."""
        top = types.type_info(kind)
        if not isinstance(top, types.StructType):
            raise TypeError(f"{kind} is no table")
        self._file = name.removesuffix(".toml").removesuffix("/*").removesuffix(".d")
        yield f"\n## {name}\n\n{told}\n\n{self._table(top, '')}"
        while self._waiting:
            title, table = self._waiting.pop(0)
            head = f"\n### `{title}` {{ #{self._anchors[table.cls]} }}\n"
            within = title.partition("]")[0].strip("[")
            yield f"{head}\n{_told(table.cls)}\n\n{self._table(table, within)}"

    def _table(self, table: types.StructType, within: str) -> str:
        lines = ["| key | value | default |", "| --- | --- | --- |"]
        if table.tag_field is not None:
            lines.append(f"| `{table.tag_field}` | `{table.tag}` | |")
        for field in table.fields:
            path = f"{within}.{field.encode_name}" if within else field.encode_name
            cells = (f"`{field.encode_name}`", self._kind(field.type, path), _default(field))
            lines.append(f"| {' | '.join(cells)} |")
        return "\n".join(lines) + "\n"

    def _kind(self, kind: types.Type, path: str, *, several: bool = False) -> str:
        match kind:
            case types.StructType():
                found = "secret" if kind.cls is Secret else self._link(kind, path, several=several)
            case types.VarTupleType() | types.ListType() | types.FrozenSetType():
                found = f"list of {self._kind(kind.item_type, path, several=True)}"
            case types.TupleType():
                found = f"list: {', '.join(self._kind(one, path) for one in kind.item_types)}"
            case types.DictType():
                found = f"table of {self._kind(kind.value_type, path)}"
            case types.UnionType():
                some = [one for one in kind.types if not isinstance(one, types.NoneType)]
                found = " or ".join(self._kind(one, path, several=several) for one in some)
            case _:
                found = _plain(kind)
        return found

    def _link(self, table: types.StructType, path: str, *, several: bool) -> str:
        if table.cls not in self._anchors:
            tag = f" {table.tag_field} = {table.tag}" if table.tag_field else ""
            anchor = f"{self._file}-{path}{f'-{table.tag}' if tag else ''}"
            self._anchors[table.cls] = anchor.replace(".", "-").lower()
            self._waiting.append(((f"[[{path}]]" if several else f"[{path}]") + tag, table))
        shown = table.tag if table.tag_field else path
        return f"[{shown}](#{self._anchors[table.cls]})"


def main() -> int:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)}: written\n")
    return 0


def page() -> str:
    """The page as it should be."""
    pages = Pages()
    parts = [HEAD, *(part for file in FILES for part in pages.of_file(*file))]
    return "".join(parts)


def _plain(kind: types.Type) -> str:
    match kind:
        case types.EnumType():
            return _one_of([one.value for one in kind.cls])
        case types.LiteralType():
            # msgspec keeps them in no order of their own.
            return _one_of(sorted(kind.values, key=str))
        case types.CustomType() if kind.cls is Duration:
            return "span"
        case types.IntType() | types.FloatType() if kind.ge is not None and kind.le is not None:
            return f"{_WORDS[type(kind)]} from {kind.ge} to {kind.le}"
    return _WORDS[type(kind)]


def _told(kind: type) -> str:
    """Its docstring in Markdown, without what Python raises."""
    return (inspect.getdoc(kind) or "").partition("\n\nRaises:")[0].replace("``", "`")


def _one_of(words: list[object]) -> str:
    return " or ".join(f"`{_spelt(str(one))}`" for one in words)


def _spelt(text: str) -> str:
    r"""As a file spells it: the end of a line is ``\n`` there."""
    return text.encode("unicode_escape").decode() if not text.isprintable() else text


def _default(field: types.Field) -> str:
    if field.required:
        return ""
    value = field.default
    if isinstance(value, msgspec.Struct):
        return "as it says there"
    if value is msgspec.NODEFAULT or value in (None, "", (), {}):
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, str | Duration):
        return f'`"{_spelt(str(value))}"`'
    return f"`{value}`"


if __name__ == "__main__":
    raise SystemExit(main())
