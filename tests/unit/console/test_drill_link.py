"""The link of a drill: the same page and button as an alarm's, and no alarm is touched by it."""

from pathlib import Path

from alerts.drills import drilled
from alerts.schema import open_read_only
from storage.entry import Command
from storage.wall import wall_ms
from tests.unit.console.lab import (  # a test's own
    browser,
    core,
    incubator,
    link,
    press,
    settings,
    state_of,
    until,
)


async def test_97_a_drill_is_answered_from_its_link_and_the_real_alarm_stays(
    tmp_path: Path,
) -> None:
    drill = Command(
        id="monthly-1",
        at=wall_ms(),
        by="B",
        verb="drill",
        target="A",
        via="cli",
        arguments={"channel": "inbox"},
    )
    async with core(tmp_path) as running, browser(settings(tmp_path)) as client:
        await running.hear(incubator(37.0), incubator(38.5))
        await running._journal.put(drill)
        await until(lambda: len(_drills(tmp_path)) == 1)
        path = link(tmp_path, rule="drill:monthly-1", occurrence=0)
        page = await client.get(path)
        assert "DRILL: nothing is wrong" in page.text
        assert "nothing: this tries whether an alarm would reach you" in page.text
        assert "no longer in the configuration" not in page.text
        assert _drills(tmp_path) == [("A", "inbox", False)]
        async with running.taking():
            answer = await press(client, path)
        assert "Acknowledged by Ada" in answer.text
        assert "drill to A by inbox answered" in answer.text
        assert _drills(tmp_path) == [("A", "inbox", True)]
        assert state_of(tmp_path) == "U"
        stranger = link(tmp_path, rule="drill:monthly-1", person="B", occurrence=0)
        async with running.taking():
            refused = await press(client, stranger)
        assert "that drill was for A" in refused.text


def _drills(data: Path) -> list[tuple[str, str, bool]]:
    db = open_read_only(data / "alarms.db")
    try:
        return [(one.person, one.channel, one.answered is not None) for one in drilled(db)]
    finally:
        db.close()
