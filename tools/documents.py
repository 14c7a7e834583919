"""What the documents show: blocks of code, and the marks that say what becomes of them in a test.

A mark is a comment in the line above a block, which readers do not see:

``<!-- run -->``
    the commands are run, and must exit with 0
``<!-- run: exit 1; answers "one" "two"; prints "text" -->``
    with another exit code, with lines on the standard input, and with words in what is printed
``<!-- run: until it prints "text" -->``
    again and again, for a bounded time
``<!-- run: goes on; prints "text" -->``
    in the background until the page ends; what follows waits for the words
``<!-- not run: why -->``
    for a person alone

By themselves stand ``<!-- stop: command -->``, which ends what goes on and begins so; what readers
are not shown, ``<!-- before: command -->`` or, going on, ``<!-- beside: command -->``; and
``<!-- stage: name -->``, which says what is there when the page begins.
A block with a title (``title="site.toml"``) is written to that file; ``title="added to site.toml"``
is put at its end.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[1]
PROGRAMS = frozenset(
    {
        *("apt-get", "culturewatch", "curl", "docker", "deploy/install", "git", "journalctl"),
        *("make", "mosquitto_passwd", "openssl", "pip", "psql", "python", "python3", "sudo"),
        *("systemctl", "uv"),
    }
)
"""What begins a line that somebody would type, in a block that names no language."""
_FENCE = re.compile(r"^( *)(```+|~~~+) *(\S*) *(.*)$")
_MARK = re.compile(r"^ *<!-- (run|not run|stop|before|beside|stage)(?:: (.*?))? -->$")
_TITLE = re.compile(r'title="([^"]+)"')
_QUOTED = re.compile(r'"([^"]*)"')
_SHELLS = frozenset({"sh", "bash", "shell", "console"})
_INDENT = "    "
_ADDED = "added to "


class Mark(msgspec.Struct, frozen=True):
    """One comment: ``word`` and what it says behind the colon."""

    word: str
    said: str = ""

    def quoted(self, verb: str) -> tuple[str, ...]:
        """The words in quotation marks behind ``verb``."""
        for part in self.parts:
            if part.startswith(verb):
                return tuple(_QUOTED.findall(part))
        return ()

    @property
    def parts(self) -> tuple[str, ...]:
        """What it says, in its parts."""
        return tuple(part.strip() for part in self.said.split("; "))

    @property
    def exit_code(self) -> int:
        """What the commands must end with."""
        for part in self.parts:
            if part.startswith("exit "):
                return int(part.removeprefix("exit "))
        return 0


class Block(msgspec.Struct, frozen=True):
    """A block of code, or a mark that stands alone (``text`` is empty then)."""

    page: str
    line: int
    text: str
    language: str = ""
    title: str = ""
    mark: Mark | None = None

    @property
    def file(self) -> str:
        """The file that it is the content of."""
        return self.title.removeprefix(_ADDED)

    @property
    def is_added(self) -> bool:
        """Whether it is put at the end of that file."""
        return self.title.startswith(_ADDED)

    @property
    def commands(self) -> tuple[str, ...]:
        """The lines in it that somebody would type."""
        lines = [line.strip().removeprefix("$ ") for line in self.text.splitlines()]
        if self.language in _SHELLS:
            return tuple(line for line in lines if line and not line.startswith("#"))
        return tuple(line for line in lines if line.split(" ", maxsplit=1)[0] in PROGRAMS)


def pages() -> Sequence[Path]:
    """Every page that people read, those that are made by programs apart."""
    found = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    found.append(ROOT / "deploy" / "README.md")
    return sorted(path for path in found if path.parent.name not in {"adr", "reference"})


def blocks(path: Path, *, of: Path = ROOT) -> list[Block]:
    """All blocks and marks of a page, in order; pages are named as they lie in ``of``."""
    return list(_blocks(str(path.relative_to(of)), path.read_text(encoding="utf-8")))


def _blocks(page: str, text: str) -> Iterator[Block]:
    lines = text.splitlines()
    pending: Mark | None = None
    number = 0
    while number < len(lines):
        line = lines[number]
        if mark := _MARK.match(line):
            said = Mark(mark[1], mark[2] or "")
            if said.word in {"run", "not run"}:
                pending = said
            else:
                yield Block(page, number + 1, "", mark=said)
            number += 1
            continue
        begin = number
        number, block = _block(page, lines, number, pending)
        if block is not None:
            yield block
            pending = None
        elif lines[begin].strip():
            pending = None


def _block(
    page: str, lines: Sequence[str], number: int, mark: Mark | None
) -> tuple[int, Block | None]:
    """The block that begins in line ``number``, if one does, and the line behind it."""
    line = lines[number]
    if fence := _FENCE.match(line):
        end = number + 1
        while end < len(lines) and lines[end].strip() != fence[2]:
            end += 1
        depth = len(fence[1])
        text = "\n".join(one[depth:] for one in lines[number + 1 : end])
        title = _TITLE.search(fence[4])
        found = Block(page, number + 1, text, fence[3], title[1] if title else "", mark)
        return end + 1, found
    if line.startswith(_INDENT) and (number == 0 or not lines[number - 1].strip()):
        end = number
        while end < len(lines) and (lines[end].startswith(_INDENT) or not lines[end].strip()):
            end += 1
        text = "\n".join(one[len(_INDENT) :] for one in lines[number:end]).strip()
        return end, Block(page, number + 1, text, mark=mark)
    return number + 1, None
