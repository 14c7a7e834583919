"""What the pages of all reports have in common: front page, open items first, signatures last."""

from collections.abc import Iterable
from typing import Protocol

from batches.export.paper import changes, front
from batches.export.paper.sheet import LISTED, Answer, Facts, Section, Sheet
from batches.record import Made
from batches.signature import REPORT_MEANINGS


class Reviewed(Protocol):
    """A report that a reviewer judges by its ``open_items``."""

    @property
    def id(self) -> str: ...
    @property
    def made(self) -> Made: ...
    @property
    def open_items(self) -> tuple[str, ...]: ...


def report_sheet(
    found: Reviewed,
    *,
    kind: str,
    title: str,
    subject: str,
    about: str,
    site: str,
    answers: tuple[Answer, ...],
    summary: Facts,
    sections: Iterable[Section],
) -> Sheet:
    """The pages of ``found``; the places for signatures are empty.

    ``answers`` are the report's own; whether anything is open and who signed follow them.
    """
    items, note = front.front_items(found.open_items)
    return Sheet(
        title=title,
        kind=kind,
        subject=subject,
        about=about,
        site=front.short(site, 50),
        footer=front.footer(found.id, found.made),
        author=found.made.by,
        made=front.dated(found.made),
        answers=(
            *answers,
            front.is_open(found.open_items, "to be judged by who reviews it"),
            front.SIGNED,
        ),
        summary=summary,
        items=items,
        items_note=note,
        signing=front.signing(REPORT_MEANINGS),
        sections=(*front.open_items(found.open_items, LISTED), *sections, changes.signed()),
    )
