"""What the console can do about records, handed to it by whoever knows how they are made."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from batches.signature import Signature, Step
from batches.signing import Wish
from console.worker import Tell


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """A question of page 1 and its answer; ``tone`` is good, bad or unsure."""

    question: str
    answer: str
    small: str
    tone: str


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """Page 1 of the record that would be made now, and every open item."""

    at: int
    answers: tuple[Answered, ...]
    facts: tuple[tuple[str, str], ...]
    open_items: tuple[str, ...]


class Records(msgspec.Struct, frozen=True, kw_only=True):
    """Records are kept below ``folder``, which has a folder for each batch or vial.

    What is made here is made in a process of its own, so each of these can be carried there:
    ``preview`` of a subject by whom, ``make`` its record into a new folder, ``sign`` that, and
    ``close`` a batch by whom, with a reason where its environment has gaps.
    """

    folder: Path
    preview: Callable[[str, str, Tell], Preview]
    make: Callable[[str, str, Path, Tell], Path]
    sign: Callable[[Path, Wish, Tell], Signature]
    close: Callable[[str, str, str, Tell], None]


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a record, made at ``at`` (epoch ms, UTC), with the signatures ``given``.

    ``folder`` is None where it was not made in the console, or is not there any more.
    ``open_items`` are those of its pages.
    """

    number: int
    at: int
    manifest: str
    folder: Path | None
    given: tuple[Signature, ...]
    is_newest: bool
    open_items: tuple[str, ...] = ()
    has_signed_pages: bool = False

    @property
    def next_step(self) -> Step | None:
        """What is to be signed next; None when all is, or it cannot be signed here."""
        if self.folder is None or not self.is_newest:
            return None
        done = {each.step for each in self.given}
        return next((step for step in Step if step not in done), None)

    def given_as(self, step: Step) -> Signature | None:
        """The signature of ``step``; None when nobody has given it."""
        return next((each for each in self.given if each.step is step), None)
