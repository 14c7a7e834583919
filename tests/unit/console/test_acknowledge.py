"""Links that acknowledge: only a person who presses the button does."""

import asyncio
import logging
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace

from alerts.reader import AlarmReader
from console import acknowledge
from console.acknowledge import LONGEST_NOTE, one_line
from tests.unit.console.lab import (
    ADDRESS,
    RULE,
    Core,
    browser,
    core,
    incubator,
    link,
    nonce_in,
    press,
    put_batch_into,
    settings,
    state_of,
    until,
    waiting,
)

pytestmark = pytest.mark.long


@pytest.fixture
async def alarmed(tmp_path: Path) -> AsyncIterator[Core]:
    """A core with one alarm."""
    async with core(tmp_path) as running:
        await running.hear(incubator(37.0), incubator(38.5))
        yield running


@pytest.fixture
async def client(tmp_path: Path, alarmed: Core) -> AsyncIterator[httpx.AsyncClient]:  # noqa: ARG001 # the site must be there first
    async with browser(settings(tmp_path)) as opened:
        yield opened


async def test_the_page_says_what_somebody_woken_up_needs(
    tmp_path: Path, client: httpx.AsyncClient
) -> None:
    put_batch_into(tmp_path, "inc1")
    page = await client.get(link(tmp_path))
    assert page.status_code == 200
    for said in (
        "CRITICAL: inc1-temp-high",
        "38.50 °C",
        "≥\N{NO-BREAK SPACE}38.00 °C",
        "Incubator 1, Culture room",
        "B-2026-0001",
        RULE.cause,
        RULE.consequence,
        RULE.action,
        "30m",
        "Acknowledge as Ada",
        "unacknowledged",
    ):
        assert said in page.text, said


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_opening_a_link_acknowledges_nothing_and_does_not_use_it_up(
    tmp_path: Path, alarmed: Core, client: httpx.AsyncClient, method: str
) -> None:
    path = link(tmp_path)
    for extra in ({}, {"Purpose": "prefetch", "Sec-Purpose": "prefetch;prerender"}):
        answer = await client.request(method, path, headers=extra)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
    assert not (tmp_path / "inbox.db").exists()
    assert state_of(tmp_path) == "U"
    async with alarmed.taking():
        assert (await press(client, path)).status_code == 200


async def test_pressing_the_button_acknowledges_under_the_persons_name_with_the_note(
    tmp_path: Path, alarmed: Core, client: httpx.AsyncClient
) -> None:
    async with alarmed.taking():
        answer = await press(client, link(tmp_path), note="  on my\r\nway \x1b ")
    assert answer.status_code == 200
    assert "Acknowledged by Ada" in answer.text
    assert state_of(tmp_path) == "A"
    with AlarmReader(tmp_path / "alarms.db") as reader:
        ack = next(r.transition for r in reader.history() if r.transition.what == "ack")
    assert ack.by == "A"
    assert "on my way" in ack.why


async def test_a_link_works_once_and_says_so_afterwards(
    tmp_path: Path, alarmed: Core, client: httpx.AsyncClient
) -> None:
    path = link(tmp_path)
    form = {"nonce": nonce_in(await client.get(path)), "note": "again"}
    async with alarmed.taking():
        await press(client, path)
        opened, again = await client.get(path), await press(client, path)
        from_an_open_page = await client.post(path, data=form, headers={"Origin": ADDRESS})
    for answer in (opened, again, from_an_open_page):
        assert answer.status_code == 409
        assert "used before: Ada acknowledged" in answer.text
        assert "<form" not in answer.text
    with AlarmReader(tmp_path / "alarms.db") as reader:
        assert [r.transition.what.value for r in reader.history()].count("ack") == 1


async def test_a_double_click_is_one_act_and_both_are_told_what_came_of_it(
    tmp_path: Path, alarmed: Core, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    path = link(tmp_path)
    clicks = [asyncio.create_task(press(client, path, note=str(n))) for n in range(2)]
    await until(lambda: "was pressed again" in caplog.text)
    async with alarmed.taking():
        first, second = await asyncio.gather(*clicks)
    assert (first.status_code, second.status_code) == (200, 200)
    with AlarmReader(tmp_path / "alarms.db") as reader:
        assert [r.transition.what.value for r in reader.history()].count("ack") == 1


async def test_what_the_core_refuses_is_shown_with_its_reason(
    tmp_path: Path, alarmed: Core, client: httpx.AsyncClient
) -> None:
    path = link(tmp_path, occurrence=7)
    async with alarmed.taking():
        answer = await press(client, path)
        again = await client.get(path)
    assert answer.status_code == 409
    assert "occurrence 7; now it is 1" in answer.text
    assert state_of(tmp_path) == "U"
    assert "pressed before, and refused" in again.text
    assert "<form" not in again.text


async def test_an_alarm_that_is_over_has_no_button(
    tmp_path: Path, alarmed: Core, client: httpx.AsyncClient
) -> None:
    async with alarmed.taking():
        await press(client, link(tmp_path))
        await alarmed.hear(incubator(37.0))
    page = await client.get(link(tmp_path, person="B"))
    assert page.status_code == 200
    assert "Nothing left to acknowledge: this alarm is over" in page.text
    assert "<form" not in page.text


async def test_a_link_of_an_earlier_occurrence_says_so(
    tmp_path: Path, alarmed: Core, client: httpx.AsyncClient
) -> None:
    async with alarmed.taking():
        await press(client, link(tmp_path))
        await alarmed.hear(incubator(37.0), incubator(38.5))
    page = await client.get(link(tmp_path, person="B", occurrence=1))
    assert "occurrence 1 is over; now it is 2" in page.text


async def test_without_a_core_the_acknowledgement_is_kept_and_counts_later(
    tmp_path: Path,
    alarmed: Core,
    client: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(acknowledge, "ANSWER_S", 0.3)
    answer = await press(client, link(tmp_path))
    assert answer.status_code == 202
    assert "the core has not answered yet" in answer.text
    assert waiting(tmp_path) == ["ack inc1-temp-high by A"]
    async with alarmed.taking():
        await until(lambda: state_of(tmp_path) == "A")


async def test_without_any_file_a_link_still_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acknowledge, "ANSWER_S", 0.3)
    path = link(tmp_path)
    async with browser(settings(tmp_path)) as client:
        page = await client.get(path)
        assert "there is no alarm store yet" in page.text
        assert (await press(client, path)).status_code == 202
    assert waiting(tmp_path) == ["ack inc1-temp-high by A"]


async def test_an_inbox_that_cannot_be_written_is_said_loudly(
    tmp_path: Path, client: httpx.AsyncClient
) -> None:
    (tmp_path / "inbox.db").write_bytes(b"this is no database, and never was" * 100)
    answer = await press(client, link(tmp_path))
    assert answer.status_code == 503
    assert "Not acknowledged" in answer.text
    assert "file is not a database" in answer.text
    assert "Traceback" not in answer.text


async def test_a_forged_link_counts_for_nothing(
    tmp_path: Path, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    path = link(tmp_path)
    for forged in (path[:-3] + "AAA", "/ack/x", "/ack/" + "A" * 5_000):
        opened, pressed = await client.get(forged), await press(client, forged)
        assert opened.status_code == pressed.status_code == 403
        assert "not made here" in opened.text
    assert not (tmp_path / "inbox.db").exists()
    assert "not made here" in caplog.text
    assert path.removeprefix("/ack/") not in caplog.text


async def test_an_expired_link_counts_for_nothing(
    tmp_path: Path, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = link(tmp_path)
    assert (await client.get(path)).status_code == 200
    later = time.time() + 86_402
    monkeypatch.setattr("time.time", lambda: later)
    opened, pressed = await client.get(path), await press(client, path)
    assert opened.status_code == pressed.status_code == 410
    assert "This link has expired" in opened.text
    assert not (tmp_path / "inbox.db").exists()


async def test_a_page_that_lay_open_for_hours_asks_for_a_second_press(
    tmp_path: Path, alarmed: Core, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = link(tmp_path)
    nonce = nonce_in(await client.get(path))
    later = time.time() + 7 * 3_600
    monkeypatch.setattr("time.time", lambda: later)
    old = await client.post(path, data={"nonce": nonce}, headers={"Origin": ADDRESS})
    assert old.status_code == 403
    assert "open for too long" in old.text
    async with alarmed.taking():
        fresh = {"nonce": nonce_in(old)}
        again = await client.post(path, data=fresh, headers={"Origin": ADDRESS})
    assert again.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "http://127.0.0.1:8440.evil.example"},
        {"Origin": "http://[bad"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_a_form_from_another_site_is_refused(
    tmp_path: Path, client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    path = link(tmp_path)
    answer = await client.post(path, data={"nonce": "x"}, headers=headers)
    assert answer.status_code == 403
    assert "from another site" in answer.text
    assert not (tmp_path / "inbox.db").exists()


async def test_a_form_without_the_nonce_of_its_own_page_is_shown_again(
    tmp_path: Path, alarmed: Core, client: httpx.AsyncClient
) -> None:
    path, other = link(tmp_path), link(tmp_path, person="B")
    elsewhere = (await client.get(other)).text.partition('name="nonce" value="')[2]
    for nonce in ("", "made up", elsewhere.partition('"')[0]):
        answer = await client.post(path, data={"nonce": nonce}, headers={"Origin": ADDRESS})
        assert answer.status_code == 403
        assert "Nothing was acknowledged" in answer.text
        assert "<form" in answer.text
    assert not (tmp_path / "inbox.db").exists()
    async with alarmed.taking():
        assert (await press(client, path)).status_code == 200


async def test_behind_a_proxy_the_public_address_is_our_own(tmp_path: Path, alarmed: Core) -> None:
    told = settings(tmp_path, public_url="https://monitor.lab.example")
    headers = {"Origin": "https://monitor.lab.example"}
    async with browser(told) as client, alarmed.taking():
        assert (await press(client, link(tmp_path), headers=headers)).status_code == 200


async def test_a_form_of_a_megabyte_is_refused_however_it_is_sent(
    tmp_path: Path, client: httpx.AsyncClient
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(1_000):
            yield b"n" * 1_000

    path, headers = link(tmp_path), {"Origin": ADDRESS}
    whole = await client.post(path, content=b"n" * 1_000_000, headers=headers)
    streamed = await client.post(path, content=pieces(), headers=headers)
    assert (whole.status_code, streamed.status_code) == (413, 413)
    assert "At most 16384 bytes" in whole.text
    assert not (tmp_path / "inbox.db").exists()


async def test_a_body_that_is_no_form_acknowledges_nothing(
    tmp_path: Path, client: httpx.AsyncClient
) -> None:
    for body in (b"\xff\xfe\x00", b"&".join(b"a=1" for _ in range(500)), b'{"nonce": 1}'):
        answer = await client.post(link(tmp_path), content=body, headers={"Origin": ADDRESS})
        assert answer.status_code == 403
    assert not (tmp_path / "inbox.db").exists()


async def test_hostile_names_are_shown_as_text(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>'\"&{{7*7}}"
    rule = replace(RULE, id=evil, cause=evil, action=evil)
    async with core(tmp_path, [rule]) as running:
        await running.hear(incubator(38.5))
        async with browser(replace(settings(tmp_path, [rule]), open_wall=True)) as client:
            path = link(tmp_path, rule=evil, person=evil)
            pages = [await client.get(path), await client.get("/"), await client.get("/live")]
            async with running.taking():
                pages.append(await press(client, path, note=evil))
    for page in pages:
        assert page.is_success
        assert "<script>alert" not in page.text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
        assert "Lab <One>" not in page.text
        assert "49" not in page.text.partition("<h1>")[2].partition("</h1>")[0]


async def test_an_unreadable_alarm_store_does_not_keep_people_from_acknowledging(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acknowledge, "ANSWER_S", 0.3)
    (tmp_path / "alarms.db").write_bytes(b"damaged" * 1_000)
    path = link(tmp_path)
    async with browser(settings(tmp_path)) as client:
        page = await client.get(path)
        assert "the alarm store cannot be read" in page.text
        assert RULE.action in page.text
        assert (await press(client, path)).status_code == 202


@pytest.mark.usefixtures("alarmed")
async def test_a_ledger_that_cannot_be_read_is_not_taken_for_an_empty_incubator(
    tmp_path: Path,
) -> None:
    (tmp_path / "ledger.db").write_bytes(b"damaged" * 1_000)
    async with browser(settings(tmp_path)) as client:
        page = await client.get(link(tmp_path))
        assert "ledger.db" in page.text
        assert "not known" in page.text
        assert "no batch" not in page.text


async def test_a_rule_that_was_removed_since_still_has_its_link(
    tmp_path: Path, alarmed: Core
) -> None:
    async with browser(settings(tmp_path, [])) as client, alarmed.taking():
        page = await client.get(link(tmp_path))
        assert "no longer in the configuration" in page.text
        assert (await press(client, link(tmp_path))).status_code == 200


def test_a_note_becomes_one_line_of_bounded_length() -> None:
    assert one_line(" a\r\n\tb\x00\u202e ") == "a b"
    assert one_line("ü" * 600) == "ü" * (LONGEST_NOTE - 1) + "…"


async def test_two_consoles_take_one_press(
    tmp_path: Path, alarmed: Core, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    path = link(tmp_path)
    async with browser(settings(tmp_path)) as one, browser(settings(tmp_path)) as two:
        clicks = [asyncio.create_task(press(each, path, note=str(each))) for each in (one, two)]
        await until(lambda: "was pressed again" in caplog.text)
        async with alarmed.taking():
            answers = await asyncio.gather(*clicks)
    assert [answer.status_code for answer in answers] == [200, 200]
    with closing(sqlite3.connect(tmp_path / "inbox.db")) as kept:
        assert kept.execute("SELECT count(*) FROM command").fetchone() == (1,)
