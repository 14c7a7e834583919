"""What commands print: lines as they are, and JSON for other programs."""

import sys
from pathlib import PurePath

import msgspec


def say(line: str) -> None:
    """Print ``line`` as it is."""
    sys.stdout.write(line + "\n")


def say_json(value: object) -> None:
    """Print ``value`` as one line of JSON; a path is its text."""
    say(msgspec.json.encode(value, enc_hook=_text).decode())


def _text(value: object) -> str:
    if isinstance(value, PurePath):
        return str(value)
    raise NotImplementedError(f"{type(value).__name__} is nothing that JSON knows")
