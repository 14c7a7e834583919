"""``python -m tools.cli_reference``: docs/reference/commands.md, from the command line itself.

A test holds it current.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from culturewatch.cli import app

Command: TypeAlias = TyperCommand | TyperGroup

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "commands.md"
PROGRAM = "culturewatch"
HEAD = """# Commands

Made by `python -m tools.cli_reference` from the command line itself; a test holds it current.

Exit 0: done, and well. Exit 1: done, and what was asked is not so (something was changed, is out of
limits, does not run). Exit 2: wrong use, or a file with a mistake. What a mistake is stands on the
standard error with what to do next.

`--site` and `SITE` are `site.toml` in the folder where one is, or what `CULTUREWATCH_SITE` names.
Who acts (`--by`) proves it with a password, or once for a while with `culturewatch login`; where
there is no terminal a password is read as one line of the standard input.
"""


def main() -> int:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)}: written\n")
    return 0


def page() -> str:
    """The page as it should be."""
    return HEAD + "".join(_command(name, one) for name, one in sorted(commands()))


def commands() -> Iterator[tuple[str, Command]]:
    """Every command that people are shown, by its words: ``vial ship``."""
    yield from _within(typer.main.get_command(app), ())


def _within(command: object, words: tuple[str, ...]) -> Iterator[tuple[str, Command]]:
    if isinstance(command, TyperGroup):
        if command.invoke_without_command:
            yield " ".join(words), command
        for name, one in command.commands.items():
            if not one.hidden:
                yield from _within(one, (*words, name))
    elif isinstance(command, TyperCommand):
        yield " ".join(words), command


def _command(name: str, command: Command) -> str:
    arguments = [one for one in command.params if isinstance(one, TyperArgument)]
    options = [one for one in command.params if isinstance(one, TyperOption) and not one.hidden]
    usage = " ".join((PROGRAM, name, *map(_place, arguments)))
    told = " ".join((command.help or "").replace("``", "`").split())
    lines = [f"\n## {name}\n", told, "", f"`{usage}{' [OPTIONS]' if options else ''}`", ""]
    if rows := [*map(_argument, arguments), *map(_option, options)]:
        lines += ["| | what | default |", "| --- | --- | --- |"]
        lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def _argument(one: TyperArgument) -> tuple[str, str, str]:
    return _code(_place(one)), _told(one.help, one.envvar), _default(one.default)


def _place(one: TyperArgument) -> str:
    word = one.metavar or one.name or ""
    return word if one.required else f"[{word}]"


def _option(one: TyperOption) -> tuple[str, str, str]:
    words = ", ".join(one.opts)
    if one.metavar:
        words += f" {one.metavar}"
    needed = "needed" if one.required else _default(one.default)
    return _code(words), _told(one.help, one.envvar), needed


def _told(text: str | None, variable: object) -> str:
    told = (text or "").replace("|", "&#124;").replace("<", "&lt;")
    return f"{told}; or `{variable}`" if variable else told


def _default(value: object) -> str:
    if value is None or value is False or value in ("", [], ()):
        return ""
    return _code(str(value))


def _code(text: str) -> str:
    # Markdown's tables end a cell at every bar, in code too.
    return f"<code>{text.replace('|', '&#124;')}</code>" if "|" in text else f"`{text}`"


if __name__ == "__main__":
    raise SystemExit(main())
