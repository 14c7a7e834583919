"""``python -m tools.record_schema``: write the published schema of record.json.

It comes from the types that write the file, so that the two cannot differ. With ``--check`` nothing
is written, and the exit code is 1 when the published one is not that.
"""

import inspect
import sys
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect as types

from batches.record import SCHEMA, BatchRecord
from devices.duration import Duration

PUBLISHED = Path(__file__).parents[1] / "docs" / "record.schema.json"
DRAFT = "https://json-schema.org/draft/2020-12/schema"
_PLAIN: dict[type[types.Type], str] = {
    types.BoolType: "boolean",
    types.IntType: "integer",
    types.FloatType: "number",
    types.StrType: "string",
    types.NoneType: "null",
}
Schema = dict[str, Any]


def schema() -> bytes:
    """The schema as JSON, its parts in the order of their names."""
    parts = Parts()
    top = parts.of(types.type_info(BatchRecord))
    # One that leaves the name open would call a record of any version one of this.
    parts.found["BatchRecord"]["properties"]["schema"] = {"const": SCHEMA}
    named = dict(sorted(parts.found.items()))
    whole = {"$schema": DRAFT, "title": SCHEMA, **top, "$defs": named}
    return msgspec.json.format(msgspec.json.encode(whole), indent=1) + b"\n"


class Parts:
    """The schemas of types; each struct is a part of its own."""

    def __init__(self) -> None:
        self.found: dict[str, Schema] = {}
        self._of_class: dict[str, type] = {}

    def of(self, kind: types.Type) -> Schema:
        """What a value of this type is."""
        if isinstance(kind, types.StructType):
            return self._part(kind)
        match kind:
            case types.VarTupleType() | types.ListType():
                return {"type": "array", "items": self.of(kind.item_type)}
            case types.DictType():
                return {"type": "object", "additionalProperties": self.of(kind.value_type)}
            case types.UnionType():
                return {"anyOf": [self.of(each) for each in kind.types]}
        return _single(kind)

    def _part(self, kind: types.StructType) -> Schema:
        name = kind.cls.__name__
        if self._of_class.setdefault(name, kind.cls) is not kind.cls:
            raise NotImplementedError(f"two types are called {name}; one name stands for one")
        if name not in self.found:
            self.found[name] = {}
            self.found[name] |= self._struct(kind)
        return {"$ref": f"#/$defs/{name}"}

    def _struct(self, kind: types.StructType) -> Schema:
        if kind.array_like:
            raise NotImplementedError(f"{kind.cls.__name__} is written as an array")
        fields = {field.encode_name: self.of(field.type) for field in kind.fields}
        if kind.tag_field is not None:
            fields[kind.tag_field] = {"const": kind.tag}
        found = {"type": "object", "description": _told(kind.cls), "properties": fields}
        if not kind.cls.__struct_config__.omit_defaults:
            found["required"] = sorted(fields)
        return found


def _single(kind: types.Type) -> Schema:
    match kind:
        case types.EnumType():
            return {"enum": [each.value for each in kind.cls], "description": _told(kind.cls)}
        case types.LiteralType():
            return {"enum": list(kind.values)}
        case types.CustomType() if kind.cls is Duration:
            return {"type": "string", "description": "a span of time: 90s, 5m, 1h30m"}
    return {"type": _PLAIN[type(kind)]}


def _told(kind: type) -> str:
    """Its docstring as one paragraph."""
    return " ".join((inspect.getdoc(kind) or "").split())


def main(arguments: list[str]) -> int:
    """Write it, or check it."""
    if arguments == ["--check"]:
        return int(not PUBLISHED.exists() or PUBLISHED.read_bytes() != schema())
    PUBLISHED.write_bytes(schema())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
