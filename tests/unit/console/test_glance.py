"""Who sees the room at a glance: people who are in, programs with a token, open walls."""

from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from collector.rounds import TalkLinkStats
from console.api.tokens import ApiTokens, Scope
from console.glance import HIDDEN, for_wall
from console.view import SiteView, Viewer
from storage.wall import wall_ms
from tests.unit.batches.staff import QUICK
from tests.unit.console.lab import (
    EQUIPMENT,
    RULE,
    browser,
    core,
    incubator,
    ledger_of,
    ledger_url,
    link,
    log_in,
    press,
    put_batch_into,
    settings,
)
from tests.unit.console.test_system_screen import running as running_core
from tests.unit.console.test_system_screen import seen

BATCH = "B-2026-0001"
PATHS = ("/", "/live", "/api/status")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that cost nothing."""
    monkeypatch.setattr("batches.password.hasher", lambda: QUICK)


async def test_a_stranger_is_shown_nothing_but_the_way_in(tmp_path: Path) -> None:
    put_batch_into(tmp_path, "inc1")
    async with core(tmp_path) as running:
        await running.hear(incubator(38.5))
        async with browser(settings(tmp_path)) as client:
            client.cookies.set("culturewatch", "of nobody")
            page, live, told = [await client.get(path) for path in PATHS]
    assert (page.status_code, page.headers["location"]) == (303, "/login")
    assert (live.status_code, live.text) == (401, "")
    assert told.status_code == 401
    assert "38.5" not in told.text


async def test_who_was_logged_off_sees_no_more(tmp_path: Path) -> None:
    async with browser(settings(tmp_path)) as client:
        await log_in(client, tmp_path)
        assert (await client.get("/live")).status_code == 200
        client.cookies.clear()
        assert (await client.get("/live")).status_code == 401


async def test_an_open_wall_shows_values_and_alarms_and_no_batch_and_no_name(
    tmp_path: Path,
) -> None:
    put_batch_into(tmp_path, "inc1")
    async with core(tmp_path) as running:
        await running.hear(incubator(37.0), incubator(38.5))
        async with browser(replace(settings(tmp_path), open_wall=True)) as client, running.taking():
            await press(client, link(tmp_path), note="a patient's matter")
            seen = [(await client.get(path)).text for path in PATHS]
            await log_in(client, tmp_path)
            whole = [(await client.get(path)).text for path in PATHS]
    for text in seen:
        assert "38.5" in text
        assert RULE.id in text
        for hidden in (BATCH, "Ada", "no batch inside", "inbox", str(tmp_path)):
            assert hidden not in text, hidden
    for text in whole:
        assert BATCH in text


async def test_a_token_for_health_opens_the_status_for_programs_and_no_other_does(
    tmp_path: Path,
) -> None:
    put_batch_into(tmp_path, "inc1")
    tokens = ApiTokens(tmp_path / "tokens")

    def made(name: str, scope: Scope) -> dict[str, str]:
        now = wall_ms()
        text = tokens.make(name, [scope], expires_at=now + 60_000, now=now, by="admin")
        return {"Authorization": f"Bearer {text}"}

    good, other = made("wall", Scope.HEALTH), made("other", Scope.READINGS)
    async with browser(replace(settings(tmp_path), api_tokens=tmp_path / "tokens")) as client:
        answer = await client.get("/api/status", headers=good)
        assert msgspec.json.decode(answer.content, type=SiteView).devices[0].batches is None
        assert BATCH not in answer.text
        assert (await client.get("/api/status", headers=other)).status_code == 403
        assert (await client.get("/api/status")).headers["www-authenticate"] == "Bearer"
        assert (await client.get("/", headers=good)).status_code == 303


async def test_a_ledger_that_cannot_be_read_lets_nobody_in(
    tmp_path: Path,
) -> None:
    async with browser(settings(tmp_path)) as client:
        await log_in(client, tmp_path)
    (tmp_path / "ledger.db").write_bytes(b"damaged" * 1_000)
    async with browser(settings(tmp_path)) as client:
        client.cookies.set("culturewatch", "a token")
        assert (await client.get("/live")).status_code == 401


async def test_what_cannot_be_read_is_told_on_the_wall_without_where_it_stands(
    tmp_path: Path,
) -> None:
    assert not ledger_of(tmp_path).has_people()
    (tmp_path / "alarms.db").write_bytes(b"damaged" * 1_000)
    view = Viewer(tmp_path, ledger_url(tmp_path), EQUIPMENT).look()
    assert any("alarms.db" in line for line in view.problems)
    assert for_wall(view).problems == (HIDDEN,)


def test_no_address_of_any_wire_is_on_an_open_wall() -> None:
    line = TalkLinkStats(endpoint="10.7.0.9:4001", connected=True, connects=1, devices=())
    web = TalkLinkStats(endpoint="10.7.0.9:80", connected=True, connects=None, devices=())
    status = running_core(fill=0.1, quarantined=0, behind_ms=None)
    view = seen(replace(status, lines=(line,), http=(web,)))
    assert b"10.7.0.9" in msgspec.json.encode(view)
    assert b"10.7.0.9" not in msgspec.json.encode(for_wall(view))
