"""The link of a summary: it acknowledges what it listed, once, and nothing else."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from alerts.channel import ChannelSpec
from alerts.reader import AlarmReader
from alerts.rule import Rule
from alerts.schema import open_store
from alerts.token import TokenDesk, load_key
from console import acknowledge
from devices.scan import Layout, Scan
from storage.inbox import Inbox
from storage.wall import wall_ms
from tests.unit.console import lab  # a test's own
from tests.unit.console.lab import (  # a test's own
    ADDRESS,
    RULE,
    Core,
    browser,
    core,
    nonce_in,
    press,
    put_batch_into,
    settings,
    state_of,
    waiting,
)

INC2 = Layout("inc2", ("temperature",), ("temperature",))
INC3 = Layout("inc3", ("temperature",), ("temperature",))
RULES = tuple(
    Rule(
        id=f"inc{n}-temp-high",
        channel=f"inc{n}.temperature",
        kind="high",
        limit=38.0,
        deadband=0.2,
        severity="critical",
        policy="standard",
        action=f"close the door of incubator {n}",
    )
    for n in (1, 2, 3)
)
LISTED = ("inc1-temp-high", "inc2-temp-high")
ARRIVED = 1_767_614_400_000


def hot(layout: Layout) -> Scan:
    now = wall_ms()
    return Scan(layout, now, now, (38.5,), bytes(1))


@pytest.fixture
async def alarmed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Core]:
    """A core with three alarms, two of which went to A in one message: row 3 lists 1 and 2."""
    specs = tuple(
        ChannelSpec(
            id=f"inc{n}.temperature", quantity="temperature", period_ms=60_000, resolution=0.01
        )
        for n in (1, 2, 3)
    )
    monkeypatch.setattr(lab, "CHANNELS", specs)
    async with core(tmp_path, RULES) as running:
        await running.hear(lab.incubator(38.5), hot(INC2), hot(INC3))
        db = open_store(tmp_path / "alarms.db")
        db.execute("DELETE FROM outbox")
        row = (
            "INSERT INTO outbox (id, root, history, notice, rule, occurrence, severity, urgency,"
            " person, channel, arrived, queued, due, state, summary)"
            " VALUES (?, 1, 1, ?, ?, ?, 'critical', 5, 'A', 'mail', ?, 0, 0, 'accepted', ?)"
        )
        for number, rule in enumerate(LISTED, start=1):
            db.execute(row, (number, "page", rule, 1, ARRIVED, 3))
        db.execute(row, (3, "summary", "", 0, ARRIVED, None))
        db.execute(row, (4, "page", "inc3-temp-high", 1, ARRIVED, None))
        db.close()
        yield running


@pytest.fixture
async def client(tmp_path: Path, alarmed: Core) -> AsyncIterator[httpx.AsyncClient]:  # noqa: ARG001 # the site must be there first
    async with browser(settings(tmp_path, RULES)) as opened:
        yield opened


def link(data: Path, *, person: str = "A", arrived: int = ARRIVED) -> str:
    desk = TokenDesk(load_key(data / "secrets" / "token.key"), used=lambda _: False)
    return f"/ack/{desk.make_all(person=person, summary=3, arrived=arrived)}"


def acks(data: Path) -> list[tuple[str, str]]:
    with AlarmReader(data / "alarms.db") as reader:
        found = [row.transition for row in reader.history() if row.transition.what == "ack"]
    return sorted((ack.rule, ack.by) for ack in found)


async def test_opening_it_shows_the_list_and_acknowledges_nothing(
    tmp_path: Path, client: httpx.AsyncClient
) -> None:
    put_batch_into(tmp_path, "inc1")
    page = await client.get(link(tmp_path))
    assert page.status_code == 200
    for said in (
        "2 alarms in one message",
        "inc1-temp-high",
        "inc2-temp-high",
        "38.50 °C",
        "B-2026-0001",
        "close the door of incubator 2",
        "Acknowledge these 2 as Ada",
    ):
        assert said in page.text, said
    assert "inc3-temp-high" not in page.text
    assert not (tmp_path / "inbox.db").exists()


async def test_one_press_acknowledges_each_that_was_listed_and_no_other(
    tmp_path: Path, alarmed: Core, client: httpx.AsyncClient
) -> None:
    path = link(tmp_path)
    async with alarmed.taking():
        answer = await press(client, path, note="on my way")
        assert answer.status_code == 200
        assert "2 acknowledged by Ada" in answer.text
        again = await press(client, path)
    assert acks(tmp_path) == [("inc1-temp-high", "A"), ("inc2-temp-high", "A")]
    assert [state_of(tmp_path, rule.id) for rule in RULES] == ["A", "A", "U"]
    assert again.status_code == 409
    assert "has been used before by Ada" in again.text
    assert "<form" not in again.text


async def test_what_a_first_press_left_out_is_taken_in_by_the_second(
    tmp_path: Path, alarmed: Core, client: httpx.AsyncClient
) -> None:
    # The console died between two of its acts.
    path = link(tmp_path)
    form = {"nonce": nonce_in(await client.get(path)), "note": ""}
    tokens = TokenDesk(load_key(tmp_path / "secrets" / "token.key"), used=lambda _: False)
    claim = tokens.verify(path.removeprefix("/ack/"))
    with AlarmReader(tmp_path / "alarms.db") as reader:
        first = claim.each(reader.listed(3, ARRIVED, "A"))[0]  # type: ignore[union-attr] # checked elsewhere
    with Inbox(tmp_path) as inbox:
        inbox.submit(first.command(wall_ms()))
    async with alarmed.taking():
        answer = await client.post(path, data=form, headers={"Origin": ADDRESS})
    assert "2 acknowledged by Ada" in answer.text
    assert acks(tmp_path) == [("inc1-temp-high", "A"), ("inc2-temp-high", "A")]


async def test_what_is_refused_is_named_beside_what_counts(
    tmp_path: Path, alarmed: Core, client: httpx.AsyncClient
) -> None:
    path = link(tmp_path)
    db = open_store(tmp_path / "alarms.db")
    db.execute("UPDATE outbox SET occurrence = 7 WHERE id = 2")
    db.close()
    async with alarmed.taking():
        answer = await press(client, path)
    assert answer.status_code == 200
    assert "1 acknowledged by Ada" in answer.text
    assert "1 refused" in answer.text
    assert "inc2-temp-high: " in answer.text
    assert "occurrence 7; now it is 1" in answer.text


async def test_without_a_core_it_is_kept_and_said_so(
    tmp_path: Path, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acknowledge, "ANSWER_S", 0.3)
    answer = await press(client, link(tmp_path))
    assert answer.status_code == 202
    assert "2 taken in; the core has not answered yet" in answer.text
    assert waiting(tmp_path) == ["ack inc1-temp-high by A", "ack inc2-temp-high by A"]


@pytest.mark.parametrize("other", [{"person": "B"}, {"arrived": ARRIVED + 1}])
async def test_a_list_of_somebody_else_or_of_another_store_acknowledges_nothing(
    tmp_path: Path, alarmed: Core, client: httpx.AsyncClient, other: dict[str, object]
) -> None:
    path = link(tmp_path, **other)  # type: ignore[arg-type] # of the parameters
    page = await client.get(path)
    assert "this list is not known here" in page.text
    assert "<form" not in page.text
    async with alarmed.taking():
        await client.post(path, data={"nonce": ""}, headers={"Origin": ADDRESS})
    assert acks(tmp_path) == []


async def test_a_form_that_nobody_was_shown_acknowledges_nothing(
    tmp_path: Path, alarmed: Core, client: httpx.AsyncClient
) -> None:
    path = link(tmp_path)
    async with alarmed.taking():
        answer = await client.post(path, data={"nonce": "x"}, headers={"Origin": ADDRESS})
        foreign = await client.post(
            path, data={"nonce": "x"}, headers={"Origin": "https://elsewhere.example"}
        )
    assert (answer.status_code, foreign.status_code) == (403, 403)
    assert acks(tmp_path) == []
    assert RULE.id == LISTED[0]
