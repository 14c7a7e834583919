"""Lays out the demonstration: the example site, on free ports, with delays made short."""

import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from culturewatch.site import SiteError
from devices import duration
from devices.duration import Duration
from storage.lock import FolderLock

MARK = (
    "# Laid out by culturewatch demo, which deletes this folder's data and writes this file anew "
    "each time.\n"
)
"""The first line of a site that may be deleted: no other ever is."""
STORY_S = 1_800.0
"""Seconds that incubators live through in the story (``simulators.scenario``)."""
SHORTEST_MS = 2_000
SILENCE_MS = 4_000
"""Silence cannot be told sooner than three periods and a little."""
_DELAY = re.compile(
    r'\b(on_delay|off_delay|re_alarm|repeat_gap|loop_after|after|bundle) = "([^"]+)"'
)
_PORT = re.compile(r"^port = (\d+)", re.MULTILINE)


def examples() -> Path:
    """The folder of the example site: inside the installed package, or beside it in a clone."""
    here = Path(__file__).parent
    found = [p for p in (here / "examples", here.parent / "examples") if p.is_dir()]
    if not found:
        raise SiteError(["the example site is missing from this installation; run in a clone"])
    return found[0]


@contextmanager
def laid_out(out: Path, span_s: float) -> Iterator[Path]:
    """A fresh site below ``out`` for a demonstration of ``span_s`` seconds; its file.

    Raises:
        SiteError: the examples are missing.
        OSError: ``out`` cannot be written, or holds something that is not a demonstration.
        storage.waiting.JournalError: a demonstration, or a core on its data, runs in ``out``.
    """
    source = examples()
    if out.exists() and any(out.iterdir()) and not _is_demonstration(out):
        raise FileExistsError(
            f"{out} holds other things, which a demonstration would delete; "
            "name another folder with --out"
        )
    whole, data = FolderLock(out), FolderLock(out / "data")
    whole.take()
    try:
        # One that was killed may have left its core behind.
        data.take()
        data.release()
        yield _lay_out(source, out, span_s)
    finally:
        whole.release()


def _is_demonstration(out: Path) -> bool:
    try:
        with (out / "site.toml").open(encoding="utf-8", errors="replace") as site:
            return site.readline() == MARK
    except FileNotFoundError:
        return False


def _lay_out(source: Path, out: Path, span_s: float) -> Path:
    for old in ("data", "rules.d", *(p.name for p in out.glob("record-*"))):
        shutil.rmtree(out / old, ignore_errors=True)
    site = out / "site.toml"
    text = (source / "site.toml").read_text(encoding="utf-8")
    # First, so that what is broken off here can be begun anew.
    site.write_text(MARK + _on_free_ports(_hurried(text, span_s)), encoding="utf-8")
    (out / "rules.d").mkdir()
    for rules in sorted((source / "rules.d").glob("*.toml")):
        hurried = _hurried(rules.read_text(encoding="utf-8"), span_s)
        (out / "rules.d" / rules.name).write_text(
            f"# {rules.name} of the examples, with its delays made short.\n\n{hurried}",
            encoding="utf-8",
        )
    return site


def _hurried(text: str, span_s: float) -> str:
    """The configuration with each delay as much shorter as the story is faster, twice over."""
    factor = max(1.0, 2 * STORY_S / span_s)
    blocks = re.split(r"(?=^\[\[)", text, flags=re.MULTILINE)
    return "".join(_hurried_block(block, factor) for block in blocks)


def _hurried_block(block: str, factor: float) -> str:
    least = SILENCE_MS if 'kind = "silence"' in block else SHORTEST_MS

    def shorter(found: re.Match[str]) -> str:
        span = duration.parse(found[2])
        short = Duration(max(least, round(span / factor))) if span else span
        return f'{found[1]} = "{short}"'

    return _DELAY.sub(shorter, block)


def _on_free_ports(text: str) -> str:
    taken: set[int] = set()

    def free(found: re.Match[str]) -> str:
        port = int(found[1])
        while port in taken or not _is_free(port):
            port += 100
        taken.add(port)
        return f"port = {port}"

    return _PORT.sub(free, text)


def _is_free(port: int) -> bool:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
