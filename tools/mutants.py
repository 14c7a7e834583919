"""Which mutants a module has: the operators of mutmut and two more, less what has no behaviour.

Left alone are type annotations and aliases, docstrings, the values of ``StrEnum`` members (the
program compares the names), what declares a type (``frozen``, ``slots``, ``kw_only``, decorators),
and every text with a blank in it, which is a sentence for a person.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from hashlib import sha256
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

import libcst as cst
from libcst.metadata import MetadataWrapper, WhitespaceInclusivePositionProvider
from mutmut.mutation.mutators import mutation_operators

HARMLESS_CALLS = frozenset({"len", "isinstance", "TypeVar"})
"""Calls that mutmut leaves alone as well, and a declaration of a type."""

SHOWN, AROUND = 110, 35
"""So much of a change is shown, and of what stays around it when it is longer."""

DECLARATIONS = frozenset({"frozen", "slots", "kw_only"})


class Kind(Enum):
    """What a change is a change of."""

    BODY = "the body of a function"
    SIGNATURE = "defaults of a function's arguments"
    STATEMENT = "a statement that runs on import"
    CLASS = "the body of a class"


class Span(NamedTuple):
    """Where something stands in a text: two offsets."""

    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One change of one file.

    ``function`` is the qualified name of the outermost function around it, if there is one;
    ``owner`` where that stands, or the statement or class. ``lines`` are the first and the last
    of the smallest statement around it.
    """

    path: str
    kind: Kind
    function: str
    lines: tuple[int, int]
    place: Span
    new: str
    owner: Span
    original: str = field(repr=False)

    @property
    def module(self) -> str:
        """Its name as it is imported."""
        return self.path.removesuffix(".py").replace("/", ".")

    @property
    def source(self) -> str:
        """The whole file with the change."""
        return self.original[: self.place.start] + self.new + self.original[self.place.end :]

    @property
    def part(self) -> str:
        """The function, statement or class with the change."""
        before = self.original[self.owner.start : self.place.start]
        return before + self.new + self.original[self.place.end : self.owner.end]

    @property
    def id(self) -> str:
        """The same for the same change of the same function, wherever that stands in its file."""
        whole = f"{self.path}\n{self.function}\n{self.part}"
        return sha256(whole.encode()).hexdigest()[:16]

    def __str__(self) -> str:
        old = _on_one_line(self.original[self.place.start : self.place.end])
        new = _on_one_line(self.new)
        start = max(0, _alike(old, new) - AROUND)
        end = max(0, _alike(old[start:][::-1], new[start:][::-1]) - AROUND)
        where = f"{self.path}:{self.lines[0]} {self.function or 'import'}"
        return f"{where}: {_short(old, start, end)} → {_short(new, start, end)}"


def mutants_of(path: Path, root: Path) -> list[Mutant]:
    """All mutants of a file, in the order in which they stand in it."""
    name = path.relative_to(root).as_posix()
    source = path.read_text(encoding="utf-8")
    made: dict[str, Mutant] = {}
    for change in _Walk(source).changes:
        mutant = Mutant(
            path=name,
            kind=change.context.kind,
            function=change.context.function,
            lines=change.context.lines,
            place=change.place,
            new=change.new,
            owner=change.context.owner,
            original=source,
        )
        if source[mutant.place.start : mutant.place.end].strip() != mutant.new.strip():
            made.setdefault(mutant.id, mutant)
    return list(made.values())


class _Context(NamedTuple):
    scope: str = ""
    kind: Kind = Kind.STATEMENT
    function: str = ""
    lines: tuple[int, int] = (0, 0)
    owner: Span = Span(0, 0)


class _Change(NamedTuple):
    place: Span
    new: str
    context: _Context


class _Walk:
    """Collects the changes of one file."""

    def __init__(self, source: str) -> None:
        wrapper = MetadataWrapper(cst.parse_module(source), unsafe_skip_copy=True)
        self.changes: list[_Change] = []
        self._module = wrapper.module
        self._places = wrapper.resolve(WhitespaceInclusivePositionProvider)
        self._starts = [0]
        for line in source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        for statement in self._module.body:
            self._walk(statement, _Context(owner=self._span(statement)))

    def _walk(self, node: cst.CSTNode, context: _Context) -> None:
        if _has_no_behaviour(node, in_function=bool(context.function)):
            return
        if isinstance(node, cst.SimpleStatementLine | cst.BaseCompoundStatement):
            context = context._replace(lines=self._lines(node))
        for operator in OPERATORS:
            for new in operator(node):
                text = self._module.code_for_node(new)
                self.changes.append(_Change(self._span(node), text, context))
        for child in node.children:
            self._walk(child, self._inside(node, child, context))

    def _inside(self, node: cst.CSTNode, child: cst.CSTNode, context: _Context) -> _Context:
        if not isinstance(node, cst.FunctionDef | cst.ClassDef) or context.kind is Kind.BODY:
            return context
        name = f"{context.scope}{node.name.value}"
        if isinstance(node, cst.ClassDef):
            return context._replace(scope=f"{name}.", kind=Kind.CLASS)
        kind = Kind.BODY if child is node.body else Kind.SIGNATURE
        return context._replace(kind=kind, function=name, owner=self._span(node))

    def _lines(self, node: cst.CSTNode) -> tuple[int, int]:
        """Its lines; of a compound statement only those of its head."""
        place = self._places[node]
        body = getattr(node, "body", None)
        if not isinstance(body, cst.BaseSuite):
            return place.start.line, place.end.line
        return place.start.line, max(place.start.line, self._places[body].start.line)

    def _span(self, node: cst.CSTNode) -> Span:
        place = self._places[node]
        start = self._starts[place.start.line - 1] + place.start.column
        return Span(start, self._starts[place.end.line - 1] + place.end.column)


def _has_no_behaviour(node: cst.CSTNode, *, in_function: bool) -> bool:
    harmless = isinstance(node, cst.Annotation | cst.Decorator | cst.Import | cst.ImportFrom)
    match node:
        case cst.SimpleString():
            harmless = " " in node.value or node.value.startswith('"""')
        case cst.ClassDef():
            bases = [base.value for base in node.bases]
            harmless = any(isinstance(one, cst.Name) and one.value == "StrEnum" for one in bases)
        case cst.Call(func=cst.Name(value=name)):
            harmless = name in HARMLESS_CALLS
        case cst.Arg(keyword=cst.Name(value=name)):
            harmless = name in DECLARATIONS
        case cst.Assign(value=cst.Subscript()):
            # The alias of a type.
            harmless = not in_function
        case _:
            pass
    return harmless


def _of_mutmut(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    for kind, operator in mutation_operators:
        if isinstance(node, kind):
            yield from operator(node)


def _left_out(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """A call whose answer nobody uses is not made."""
    if isinstance(node, cst.Expr) and isinstance(node.value, cst.Call):
        yield cst.Pass()


def _next_row(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """A cell of a table does what the next different one does."""
    if not isinstance(node, cst.Dict):
        return
    rows = [one for one in node.elements if isinstance(one, cst.DictElement)]
    for place, row in enumerate(rows):
        others = (*rows[place + 1 :], *rows[:place])
        other = next((one.value for one in others if not one.value.deep_equals(row.value)), None)
        if other is not None:
            changed = [*rows[:place], row.with_changes(value=other), *rows[place + 1 :]]
            yield node.with_changes(elements=changed)


Operator = Callable[[cst.CSTNode], Iterable[cst.CSTNode]]
OPERATORS: Sequence[Operator] = (_of_mutmut, _left_out, _next_row)


def _on_one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _alike(one: str, other: str) -> int:
    """So many characters at the start of both are the same."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _short(text: str, start: int, end: int) -> str:
    """Of a long text what stands between two places, counted from its start and from its end."""
    if len(text) <= SHOWN:
        return text
    before, after = "… " if start else "", " …" if end else ""
    line = f"{before}{text[start : len(text) - end].strip()}{after}"
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 40]} … {line[-37:]}"
