"""A start on a disk that has no room for the rules that run."""

import asyncio
import errno
import os
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from alerts import configuration
from alerts.rulebook import Rulebook
from culturewatch import without_alarms
from culturewatch.parts import rulebook
from culturewatch.reload import Configuration
from culturewatch.troubles import Troubles
from culturewatch.without_alarms import alarm_store
from storage.entry import Started, Stopped
from storage.journal import Journal
from storage.reader import JournalReader
from tests.integration.laboratory import lay_out

pytestmark = pytest.mark.long


async def test_it_collects_until_there_is_room_and_then_judges_by_rules_that_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, troubles = lay_out(tmp_path), Troubles()
    first, keep = Configuration(site, rulebook(site)), configuration.keep
    journal = Journal(site.data)

    def full(data: Path, book: Rulebook) -> None:
        if not journal.last:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        keep(data, book)

    monkeypatch.setattr(configuration, "keep", full)
    monkeypatch.setattr(without_alarms, "AGAIN_S", 0.05)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(journal)
        found = await alarm_store(stack, first, journal, troubles, asyncio.Event())
    assert found is not None
    assert configuration.kept(site.data, first.book.digest) == first.book
    told = list(troubles.newest)
    assert "NO ALARM IS JUDGED and nobody is paged, only readings are kept: " in told[0]
    assert "the rules that run cannot be kept: No space left on device; make room" in told[0]
    assert "has room again" in told[-1]
    with JournalReader(site.data) as log:
        notes = [type(entry) for _, entry in log.entries(0) if isinstance(entry, Started | Stopped)]
    assert notes == [Started, Stopped]


async def test_rules_that_cannot_be_kept_for_another_reason_end_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = lay_out(tmp_path)

    def denied(*_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(configuration, "keep", denied)
    async with AsyncExitStack() as stack:
        journal = await stack.enter_async_context(Journal(site.data))
        first = Configuration(site, rulebook(site))
        with pytest.raises(PermissionError):
            await alarm_store(stack, first, journal, Troubles(), asyncio.Event())
