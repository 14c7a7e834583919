"""Looks after what is sealed: a damaged segment is set aside and named, and the rest goes on."""

from pathlib import Path

from storage.archive.days import DAY_MS
from storage.archive.seal import Sealed, describe, folder_of, seals

ROUND_DAYS = 30
"""Every segment is read as a whole once in so many days; its size is looked at each day."""
ASIDE = ".damaged-"


def patrol(data: Path, now: int) -> list[str]:
    """Look at the segments whose turn it is at ``now`` (epoch ms); what was found, a line each.

    What is damaged gets another name, so that nobody reads it: readers take the entries from the
    journal while that has them, and name what is missing. Put back from a backup under its name,
    a segment is read again.

    Raises:
        OSError: the archive cannot be read or written.
    """
    told: list[str] = []
    for n, sealed in enumerate(seals(data, unreadable=told.append)):
        if not sealed.entries.exists():
            told.append(f"{sealed.entries}: is not there; put it back from a backup")
        elif _is_damaged(sealed, thorough=_is_due(n, now)):
            aside = sealed.entries.with_name(f"{sealed.entries.name}{ASIDE}{now}")
            sealed.entries.rename(aside)
            told.append(
                f"{sealed.entries}: is not what was sealed; it is kept as {aside.name} and not "
                f"read: put the segment back from a backup ({sealed.seal.file.sha256})"
            )
    return told


def _is_due(number: int, now: int) -> bool:
    return number % ROUND_DAYS == now // DAY_MS % ROUND_DAYS


def _is_damaged(sealed: Sealed, *, thorough: bool) -> bool:
    if sealed.entries.stat().st_size != sealed.seal.file.size:
        return True
    return thorough and describe(sealed.entries) != sealed.seal.file


def set_aside(data: Path) -> int:
    """How many files stand aside or are gone."""
    folder = folder_of(data)
    return len(list(folder.glob(f"*{ASIDE}*"))) if folder.is_dir() else 0
