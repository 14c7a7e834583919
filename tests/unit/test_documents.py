"""The documents: every command in them exists, is run or says why not, and pages are current."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from rich.text import Text
from typer.core import TyperGroup, TyperOption

from culturewatch.cli import app
from tools import api_reference, cli_reference, config_reference, promises
from tools.documents import PROGRAMS, ROOT, Block, blocks, pages

README = "README.md"
SHOWN = {str(path.relative_to(ROOT)): blocks(path) for path in pages()}
TOP = typer.main.get_command(app)
_INLINE = re.compile(r"`((?:/opt/culturewatch/bin/)?culturewatch [^`]+)`")
_REGISTRY = re.compile(
    r"(pypi|npmjs|crates|pythonhosted|maven|golang)\.(org|io|com)", re.IGNORECASE
)


@pytest.mark.parametrize("made", [api_reference, cli_reference, config_reference, promises])
def test_a_page_that_is_made_is_current(made: "type[object]") -> None:
    current = made.PAGE.read_text(encoding="utf-8")  # type: ignore[attr-defined] # a module
    assert current == made.page(), f"run python -m {made.__name__}"  # type: ignore[attr-defined]


def test_what_a_command_says_of_itself_is_all_shown() -> None:
    told = [
        text
        for _, command in cli_reference.commands()
        for text in (command.help, *(getattr(one, "help", None) for one in command.params))
        if text
    ]
    # On a terminal words in brackets are marks of a style, which are not printed.
    assert [text for text in told if Text.from_markup(text).plain != text] == []
    assert len(told) > 400


def test_every_test_of_a_promise_is_there() -> None:
    assert list(promises.missing()) == []


@pytest.mark.parametrize("page", SHOWN)
def test_what_is_shown_is_run_or_says_why_not(page: str) -> None:
    unmarked = [
        f"{page}:{block.line}: {block.commands[0]}"
        for block in SHOWN[page]
        if block.commands and block.mark is None and page != README
    ]
    assert not unmarked, "put <!-- run --> or <!-- not run: why --> above (tools/documents.py)"


@pytest.mark.parametrize("page", SHOWN)
def test_a_mark_says_why_and_stands_above_commands(page: str) -> None:
    for block in SHOWN[page]:
        if block.mark is None or block.mark.word not in {"run", "not run"}:
            continue
        assert block.commands, f"{page}:{block.line}: a mark without a command that is known"
        if block.mark.word == "not run":
            assert len(block.mark.said.split()) >= 3, f"{page}:{block.line}: why is it not run?"


@pytest.mark.parametrize("page", SHOWN)
def test_a_command_of_culturewatch_exists_with_the_options_that_are_shown(page: str) -> None:
    wrong = [f"{page}: {line}: {why}" for line in _typed(page) if (why := _mistake(line))]
    assert not wrong


def test_a_command_that_does_not_exist_would_be_found() -> None:
    assert _mistake("culturewatch vial explode V-1") == "no command explode"
    assert _mistake("culturewatch vial ship V-1 --to annex --by-air") == "no option --by-air"
    assert _mistake("culturewatch vial ship V-1 --to annex | tail -n 1 --quietly") == ""
    assert _mistake("culturewatch rota show | override") == ""
    assert _mistake("culturewatch --version") == ""
    assert _mistake("culturewatch --wersion") == "no option --wersion"


def test_the_way_of_a_reading_is_drawn_alike_where_it_is_drawn() -> None:
    drawn = [
        re.findall(
            r"(?:^    .*[│├└▶].*\n)+", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE
        )
        for page in (README, "docs/explanation/design.md")
    ]
    assert drawn[0][0] == drawn[1][0]


def test_a_command_that_nobody_marked_would_be_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "A:\n\n    culturewatch status\n\n```sh\nmake demo\n```\n\n<!-- run -->\n```sh\ncd x\n```\n"
    )
    found = blocks(page, of=tmp_path)
    assert [(one.commands, one.mark is None) for one in found] == [
        (("culturewatch status",), True),
        (("make demo",), True),
        (("cd x",), False),
    ]


def test_a_page_names_no_registry_and_no_folder_of_one_machine() -> None:
    for path in pages():
        text = path.read_text(encoding="utf-8")
        assert not _REGISTRY.search(text), path
        assert "/tmp/w" not in text, path  # noqa: S108 # it must not be there
        assert "/work/" not in text, path


def _typed(page: str) -> Iterator[str]:
    """Every line with culturewatch, in a block or in a sentence."""
    text = " ".join((ROOT / page).read_text(encoding="utf-8").split())
    for found in _INLINE.findall(text):
        yield found.removeprefix("/opt/culturewatch/bin/")
    for block in SHOWN[page]:
        for line in block.text.replace("\\\n", " ").splitlines():
            yield from _within(line.partition("  #")[0].strip(), block)


def _within(line: str, block: Block) -> Iterator[str]:
    at = line.find("culturewatch ")
    first = line.split(" ", maxsplit=1)[0]
    if at < 0 or (first not in PROGRAMS and "=$(" not in first) or block.title:
        return
    if first in {"culturewatch", "docker"} or "$(" in first:
        yield line[at:].split(")", maxsplit=1)[0] if "$(" in first else line[at:]


def _mistake(line: str) -> str:
    """What is wrong with a command line, or nothing."""
    words = shlex.split(line.replace("…", "X"), comments=True)[1:]
    command: object = TOP
    while isinstance(command, TyperGroup) and words and words[0] != "|":
        if words[0] in command.commands:
            command = command.commands[words.pop(0)]
        elif words[0].startswith("-"):
            break
        else:
            return "" if words[0] in {"culturewatch", "X"} else f"no command {words[0]}"
    parameters = getattr(command, "params", [])
    known = {opt for one in parameters if isinstance(one, TyperOption) for opt in one.opts}
    for word in words:
        if word == "|":
            break
        option = word.lstrip("[").rstrip("]").partition("=")[0]
        if option.startswith("--") and option not in {*known, "--help"}:
            return f"no option {option}"
    return ""
