"""Events as they come: from where somebody left off, and what is said when nothing can be seen."""

import json
from pathlib import Path

import pytest

from alerts.reader import AlarmReader
from console.api import events
from console.api.application import AT
from console.api.tokens import Scope
from console.sight import Sight
from console.view import Viewer
from tests.unit.console.api.program import client, token
from tests.unit.console.lab import (
    EQUIPMENT,
    core,
    incubator,
    ledger_url,
)

pytestmark = pytest.mark.long


async def test_events_go_on_after_the_one_that_was_seen_last(tmp_path: Path) -> None:
    async with core(tmp_path) as running:
        await running.hear(incubator(37.0), incubator(38.5))
        with AlarmReader(tmp_path / "alarms.db") as reader:
            last = reader.head().sequence
        async with Sight(Viewer(tmp_path, ledger_url(tmp_path), EQUIPMENT)) as sight:
            told_before = [
                one
                async for one in events.stream(
                    sight,
                    tmp_path / "alarms.db",
                    scopes=frozenset({Scope.ALARMS, Scope.READINGS}),
                    after=last - 1,
                    lasts_s=0.05,
                    every_s=0.1,
                )
            ]
    alarms = [one for one in told_before if "event: alarm" in one]
    assert [one.splitlines()[0] for one in alarms] == [f"id: {last}"]
    assert all(one.endswith("\n\n") for one in told_before)
    values = [json.loads(one.split("data: ")[1]) for one in told_before if "event: reading" in one]
    assert ("inc1.temperature", 38.5) in [(one["channel"], one["value"]) for one in values]


async def test_who_has_seen_more_than_there_is_learns_that_it_is_another_history(
    tmp_path: Path,
) -> None:
    """A store that was restored: else its next alarms would never be behind what was seen."""
    async with core(tmp_path) as running:
        await running.hear(incubator(38.5))
        with AlarmReader(tmp_path / "alarms.db") as reader:
            last = reader.head().sequence
        async with Sight(Viewer(tmp_path, ledger_url(tmp_path), EQUIPMENT)) as sight:
            found = [
                one
                async for one in events.stream(
                    sight,
                    tmp_path / "alarms.db",
                    scopes=frozenset({Scope.ALARMS}),
                    after=last + 1,
                    lasts_s=0.01,
                    every_s=0.02,
                )
            ]
    assert f"id: {last}\n\n" in found
    assert [events.OTHER_HISTORY in one for one in found if "event: trouble" in one] == [True]


async def test_events_say_when_nothing_can_be_seen(tmp_path: Path) -> None:
    async with Sight(Viewer(tmp_path, ledger_url(tmp_path), EQUIPMENT)) as sight:
        found = [
            one
            async for one in events.stream(
                sight,
                tmp_path / "alarms.db",
                scopes=frozenset({Scope.ALARMS}),
                after=None,
                lasts_s=0.01,
                every_s=0.02,
            )
        ]
    assert any(one.startswith("event: trouble\n") for one in found)


async def test_events_need_a_token(tmp_path: Path) -> None:
    async with client(tmp_path, Scope.HEALTH) as program:
        assert (await program.get(f"{AT}/events")).status_code == 403
        bad = await program.get(
            f"{AT}/events",
            headers={**token(tmp_path, Scope.ALARMS, name="u"), "Last-Event-ID": "x"},
        )
        assert bad.status_code == 422
