"""The status page and the API beside it."""

import asyncio
import re
from pathlib import Path

import httpx
import msgspec
import pytest
from msgspec.structs import replace

from alerts.engine.view import AlarmView
from alerts.rule import Limit, Rule
from console import words
from console.app import create
from console.view import SiteView, Viewer
from storage.database import DatabaseError
from storage.wall import wall_ms
from tests.unit.batches.staff import QUICK
from tests.unit.console.lab import (
    ADDRESS,
    RULE,
    Core,
    browser,
    core,
    freezer_is_silent,
    incubator,
    link,
    log_in,
    press,
    put_batch_into,
    settings,
)

pytestmark = pytest.mark.long


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that cost nothing."""
    monkeypatch.setattr("batches.password.hasher", lambda: QUICK)


async def page_of(data: Path, path: str = "/") -> str:
    """A page as somebody sees it who is in."""
    async with browser(settings(data)) as client:
        await log_in(client, data)
        answer = await client.get(path)
    assert answer.status_code == 200
    return answer.text


def plain(page: str) -> str:
    """The words of a page, without its tags."""
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


async def ill_room(running: Core) -> None:
    await running.hear(freezer_is_silent(), incubator(37.0), incubator(38.5))


async def test_the_page_shows_the_room(tmp_path: Path) -> None:
    put_batch_into(tmp_path, "inc1")
    async with core(tmp_path) as running:
        await ill_room(running)
        page = plain(await page_of(tmp_path))
    for said in (
        "Lab &lt;One&gt;",
        "Culture room Incubator 1",
        "Inside: B-2026-0001",
        "temperature 38.50 °C good",
        "▲ CRITICAL, unacknowledged",
        "▲ Open alarms: 1, unacknowledged: 1",
        "inc1-temp-high",
        "paged: Ada",
        "to Ada by inbox: queued",
        "not acknowledged",
    ):
        assert said in page, said
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0[12]:00", page)


async def test_a_silent_device_is_called_so_in_words_and_shows_no_number(tmp_path: Path) -> None:
    async with core(tmp_path) as running:
        await ill_room(running)
        whole = await page_of(tmp_path)
    page = plain(whole)
    assert whole.count('class="device silent"') == 1
    freezer = page.partition("Freezer A")[2].partition("Last pages")[0]
    assert "✖ SILENT" in freezer
    assert f"level {words.NOTHING} ✖ no answer" in freezer
    assert " mm" not in freezer
    assert "✖ 1 of 2 devices silent" in page


async def test_who_acknowledged_stands_beside_the_page(tmp_path: Path) -> None:
    async with core(tmp_path) as running:
        await ill_room(running)
        async with browser(settings(tmp_path)) as client, running.taking():
            await press(client, link(tmp_path))
        page = plain(await page_of(tmp_path))
    assert "✔ acknowledged by Ada" in page
    assert "acknowledged by Ada since" in page
    assert "▲ Open alarms: 1, unacknowledged: 0" in page


async def test_an_empty_folder_says_that_nothing_is_watched(tmp_path: Path) -> None:
    page = plain(await page_of(tmp_path / "data"))
    assert "✖ No core has run here yet: nothing is watched" in page
    assert page.count("✖ SILENT: never heard") == 2
    assert "? Alarms unknown" in page
    assert "No open alarms" not in page
    assert "there is no alarm store yet; is the core running?" in page


async def test_a_damaged_database_is_one_clear_line(tmp_path: Path) -> None:
    async with core(tmp_path) as running:
        await ill_room(running)
    for extra in ("", "-wal", "-shm"):
        (tmp_path / f"alarms.db{extra}").unlink(missing_ok=True)
    (tmp_path / "alarms.db").write_bytes(b"damaged" * 1_000)
    page = plain(await page_of(tmp_path))
    assert "alarms.db: the alarm store cannot be read: file is not a database" in page
    assert "38.50 °C" in page
    assert "Traceback" not in page


async def test_the_page_keeps_itself_current_with_and_without_script(tmp_path: Path) -> None:
    page = await page_of(tmp_path)
    assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in page
    async with browser(settings(tmp_path)) as client:
        for asset in re.findall(r'(?:src|href)="(/static/[^"]+)"', page):
            answer = await client.get(asset)
            assert answer.status_code == 200
            assert "max-age" in answer.headers["cache-control"]
        await log_in(client, tmp_path)
        live = await client.get("/live")
    assert live.text.lstrip().startswith('<main id="live"')
    # The policy forbids all of these.
    assert not re.search(r"<script>|<style|style=|\son\w+=", page)


async def test_the_api_says_what_the_page_says(tmp_path: Path) -> None:
    async with core(tmp_path) as running:
        await ill_room(running)
        async with browser(settings(tmp_path)) as client:
            await log_in(client, tmp_path)
            answer = await client.get("/api/status")
    assert answer.headers["content-type"] == "application/json"
    view = msgspec.json.decode(answer.content, type=SiteView)
    assert view.devices[0].channels[0].value == 38.5
    assert [alarm.rule for alarm in view.alarms] == [RULE.id]


async def test_health_needs_no_database(tmp_path: Path) -> None:
    async with browser(settings(tmp_path), address="http://any.name.example") as client:
        answer = await client.get("/healthz")
    assert answer.json() == {"console": "ok", "core": "lost", "core_age_ms": None}


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/static/../app.py", "/x"])
async def test_nothing_else_is_there(tmp_path: Path, path: str) -> None:
    async with browser(settings(tmp_path)) as client:
        answer = await client.get(path)
    assert answer.status_code == 404
    assert "culturewatch" not in answer.headers.get("server", "")
    assert "Not Found" in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_nothing_can_be_written_but_through_a_link(tmp_path: Path, method: str) -> None:
    async with browser(settings(tmp_path)) as client:
        for path in ("/", "/live", "/api/status", "/healthz", "/static/console.css"):
            assert (await client.request(method, path)).status_code == 405
        if method != "POST":
            assert (await client.request(method, link(tmp_path))).status_code == 405


async def test_every_answer_carries_the_headers(tmp_path: Path) -> None:
    async with browser(settings(tmp_path)) as client:
        answers = [
            await client.get("/"),
            await client.get("/nowhere"),
            await client.get("/ack/forged"),
            await client.get(link(tmp_path)),
            await client.post("/ack/forged", content=b"n" * 100_000),
            await client.get("/", headers={"Host": "evil.example"}),
        ]
    for answer in answers:
        headers = answer.headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8440", 200),
        ("192.168.1.20", 200),
        ("[::1]:8440", 200),
        ("localhost:8440", 200),
        ("console", 200),
        ("monitor.lab.example", 200),
        ("MONITOR.lab.example:443", 200),
        ("evil.example", 421),
        ("monitor.lab.example.evil.example", 421),
        ("", 421),
        ("[bad", 421),
    ],
)
async def test_another_sites_name_does_not_open_the_console(
    tmp_path: Path, host: str, status: int
) -> None:
    told = replace(settings(tmp_path, public_url="https://monitor.lab.example"), open_wall=True)
    async with browser(told) as client:
        answer = await client.get("/", headers={"Host": host})
    assert answer.status_code == status


async def test_a_mistake_of_ours_shows_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(_: AlarmView) -> bool:
        raise ZeroDivisionError("a secret of ours")

    monkeypatch.setattr(words, "asks", stumble)
    async with core(tmp_path) as running:
        await ill_room(running)
        async with browser(settings(tmp_path), raising=False) as client:
            await log_in(client, tmp_path)
            answer = await client.get("/")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "pages do not depend on it" in answer.text
    assert answer.headers["x-frame-options"] == "DENY"


async def test_many_screens_cost_one_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    look = Viewer.look

    def counted(self: Viewer) -> SiteView:
        looks.append(wall_ms())
        return look(self)

    monkeypatch.setattr(Viewer, "look", counted)
    async with browser(replace(settings(tmp_path), open_wall=True)) as client:
        answers = await asyncio.gather(*(client.get("/live") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(looks) < 20


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (37.016, "degC", "37.02 °C"),
        (-196.0, "degC", "-196.00 °C"),
        (5.0, "%", "5.00 %"),
        (450.4, "mm", "450 mm"),
        (1.0, "1", "yes"),
        (0.0, "1", "no"),
        (None, "degC", "\N{EN DASH}"),
        (float("nan"), "degC", "\N{EN DASH}"),
        (3.0, "", "3.00"),
    ],
)
def test_values_are_shown_with_their_unit(value: float | None, unit: str, shown: str) -> None:
    assert words.measured(value, unit) == shown


@pytest.mark.parametrize(
    ("ms", "shown"),
    [
        (None, "never"),
        (0, "0.0 s"),
        (9_940, "9.9 s"),
        (42_000, "42 s"),
        (180_000, "3 min"),
        (7_200_000, "2 h"),
        (10 * 86_400_000, "10 days"),
    ],
)
def test_ages_are_shown_in_the_unit_a_person_would_choose(ms: int | None, shown: str) -> None:
    assert words.age(ms) == shown


def test_the_limit_shown_is_that_of_the_severity() -> None:
    stepped = replace(RULE, severity="high", steps=(Limit(limit=39.0, severity="critical"),))
    assert words.limit(stepped, "degC", "high") == "≥\N{NO-BREAK SPACE}38.00 °C"
    assert words.limit(stepped, "degC", "critical") == "≥\N{NO-BREAK SPACE}39.00 °C"
    silence = Rule(id="s", channel="inc1.temperature", kind="silence")
    assert words.limit(silence, "degC") == ""


async def test_a_ledger_that_is_away_is_named_on_whatever_page_wants_it(tmp_path: Path) -> None:
    """As when a session is looked up for a screen while its server is down."""
    app = create(settings(tmp_path))

    async def wants() -> None:
        raise DatabaseError("the ledger at db.lab.example does not answer; start it")

    app.add_api_route("/wants", wants)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=ADDRESS) as client:
        page = await client.get("/wants", headers={"Accept-Language": "de"})
    assert page.status_code == 503
    assert "Nichts kann gezeigt werden" in page.text
    assert "db.lab.example does not answer; start it." in page.text
