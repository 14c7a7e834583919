"""Rota and drills in a core as its users start it: a process, a calendar, and the command line."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from alerts.notify.notifier import Message
from alerts.transition import What
from culturewatch import paths
from culturewatch.site import Site, load
from simulators.scenario import Door
from tests.integration.laboratory import (
    DEVICES,
    Program,
    core,
    heard,
    history,
    lay_out,
    logged,
    program,
    rooms,
    until,
)

PEOPLE = """
[[person]]
id = "ada"
name = "Ada"
channels = ["inbox"]

[[person]]
id = "ben"
channels = ["inbox"]

[[rota]]
id = "culture"
manager = "oncall"

[[rota.feed]]
file = "rota.ics"
every = "1m"

[drill]
manager = "oncall"
"""
CALENDAR = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//tests//EN\r\nBEGIN:VEVENT\r\nUID:1@lab.example\r\n"
    "DTSTAMP:20260101T000000Z\r\nDTSTART;VALUE=DATE:20260101\r\nRRULE:FREQ=DAILY\r\n"
    "SUMMARY:Ada\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    laid = lay_out(tmp_path / "site")
    text = laid.path.read_text().replace(
        'to = ["oncall"] }]', 'to = ["@culture"] }]\nfallback = ["oncall"]'
    )
    laid.path.write_text(text + PEOPLE)
    (laid.base / "rota.ics").write_text(CALENDAR, newline="")
    return load(laid.path)


def messages(site: Site, person: str = "") -> list[Message]:
    path = paths.inbox(site.data)
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    found = [msgspec.json.decode(line, type=Message) for line in lines]
    return [message for message in found if person in {"", message.person}]


async def typed(site: Site, *words: str, code: int = 0) -> str:
    """What a command of its own process prints."""
    log = site.base / f"{words[0]}-{len(list(site.base.glob('*.log')))}.log"
    with program(*words, "--site", site.path, log=log) as running:
        assert await running.ended() == code, running.said
        return running.said


@pytest.mark.slow
async def test_from_a_calendar_to_a_hand_over_and_a_drill_and_the_log_tells_it_again(
    site: Site,
) -> None:
    async with rooms(site) as opened:
        with core(site) as running:
            await until(lambda: heard(site) == DEVICES, why=lambda: running.said)
            opened.act(Door(device="inc1", open=True))
            await until(lambda: _kinds(site, "ada") == ["page"], why=lambda: running.said)
            await _override(site, running)
            await _drill(site)
            end = len(logged(site))
            await until(lambda: history(site)[-1].seq <= end, why=lambda: running.said)
            running.ask_to_end()
            assert await running.ended() == 0
        end = len(logged(site))
        before = rows(site, end)
        told = [row.transition for row in history(site)]
        for file in site.data.glob("alarms.db*"):
            file.unlink()
        with core(site, "replay") as replaying:
            await until(
                lambda: sum(row.seq <= end for row in history(site)) >= len(before),
                why=lambda: replaying.said,
            )
            replaying.ask_to_end()
            assert await replaying.ended() == 0
    assert rows(site, end) == before
    assert "Traceback" not in running.said + replaying.said
    assert [(t.by, t.why) for t in told if t.what is What.ROTA] == [
        ("rota", "step 0 of 'standard': ada"),
        ("oncall", "ada is ill"),
        ("rota", "step 0 of 'standard': ben"),
    ]
    # The rota is known before the first reading is judged.
    kinds = [t.what for t in told]
    assert kinds[0] is What.ROTA


async def _override(site: Site, running: Program) -> None:
    now = datetime.now(UTC)
    span = [(now + timedelta(hours=hours)).isoformat(timespec="minutes") for hours in (-1, 3)]
    words = ("rota", "override", "culture", "ben", "--from", span[0], "--until", span[1])
    said = await typed(site, *words, "--reason", "ada is ill", "--by", "oncall")
    assert "done: ada is ill" in said
    await until(lambda: _kinds(site, "ben") == ["handover"], why=lambda: running.said)
    (comes,) = messages(site, "ben")
    assert comes.subject == "Hand-over: you are on call from now on after ada; 1 to acknowledge"
    assert "inc1-door-open #1" in comes.text
    assert "told Ada: door is 1" in comes.text
    assert "/ack/" in comes.text
    await until(lambda: _kinds(site, "ada") == ["page", "handover"], why=lambda: running.said)
    shown = json.loads(await typed(site, "rota", "show", "--json", "--days", "1"))
    assert shown[0]["now"] == ["ben"]
    assert [act["why"] for act in shown[0]["acts"]] == ["ada is ill"]


async def _drill(site: Site) -> None:
    assert "done" in await typed(site, "drill", "--person", "ada", "--by", "oncall")
    await until(lambda: _kinds(site, "ada")[-1] == "drill")
    assert messages(site, "ada")[-1].subject.startswith("DRILL")
    listed = json.loads(await typed(site, "drill", "list", "--json", code=1))
    drill = next(one for one in listed if one["person"] == "ada")
    assert drill["standing"] == "waiting for the answer"
    answer = await typed(site, "drill", "answer", drill["newest"]["id"], "--by", "ada")
    assert "drill to ada by inbox answered" in answer
    assert "ada  inbox  answered" in await typed(site, "drill", "list", code=1)


def _kinds(site: Site, person: str) -> list[str]:
    return [message.kind for message in messages(site, person)]


def rows(site: Site, until_seq: int) -> list[tuple[object, ...]]:
    """The bytes of the history that come of entries up to a number."""
    with closing(sqlite3.connect(f"{paths.alarms(site.data).as_uri()}?mode=ro", uri=True)) as db:
        return db.execute(
            "SELECT * FROM history WHERE seq <= ? ORDER BY n", (until_seq,)
        ).fetchall()
