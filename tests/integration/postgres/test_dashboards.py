"""Every query of every dashboard, as committed, against real servers that the product has filled.

Readings go through journal and forwarder into InfluxDB 2.7, people's acts and the alarm history
through the ledger into PostgreSQL, where queries run as the role of Grafana.
"""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psycopg
import pytest

from alerts import history
from alerts.reader import AlarmReader
from alerts.schema import open_store
from alerts.transition import Transition, What
from batches.alarm_trail import follow
from batches.batch import Signed
from batches.ledger import Ledger
from batches.lineage import Lineage
from batches.vial import Place
from culturewatch.own_state import LAYOUT as ITSELF
from devices.quality import Quality
from devices.scan import Layout, Scan, absent
from storage.grants import give
from storage.influx import CURSOR, Forwarder, InfluxSettings, Pace
from storage.journal import Journal
from tests.postgres_server import PostgresServer
from tests.services import InfluxServer

pytestmark = [pytest.mark.influx, pytest.mark.postgres, pytest.mark.timeout(120)]

FOLDER = Path(__file__).parents[3] / "dashboards" / "json"
HOUR = 3_600_000
DAY = 24 * HOUR
NOW = (time.time_ns() // 1_000_000 // HOUR) * HOUR
BEGUN = NOW - 6 * HOUR
READER, PASSWORD = "dashboards_reader", "a-password-of-the-test"
PATIENCE_S = 60.0
TO_EMPTY = "Hours to empty"
INCUBATOR = Layout(
    "inc.1",
    ("temperature", "carbon_dioxide", "oxygen", "relative_humidity", "door"),
    ("temperature", "carbon_dioxide", "oxygen", "relative_humidity", "state"),
)
FREEZER = Layout(
    "ln2-1",
    ("level", "temperature_top", "lid", "filling"),
    ("level", "temperature", "state", "state"),
)
CHOSEN = {
    "culturewatch-incubator": "inc.1",
    "culturewatch-bank": "ln2-1",
}


class Asked(NamedTuple):
    """A query and where it stands."""

    board: str
    where: str
    source: str
    text: str
    shape: str


def asked() -> Iterator[Asked]:
    """Every query of the committed dashboards: panels, choices and annotations."""
    for path in sorted(FOLDER.glob("*.json")):
        board = json.loads(path.read_text(encoding="utf-8"))
        for panel in board["panels"]:
            for target in panel["targets"]:
                yield _asked(path.stem, f"{panel['title']} {target['refId']}", target)
        for variable in board.get("templating", {}).get("list", ()):
            kind = variable["datasource"]["type"]
            yield Asked(path.stem, f"choice {variable['name']}", kind, variable["query"], "table")
        for drawn in board["annotations"].get("list", ()):
            yield _asked(path.stem, f"drawn {drawn['name']}", drawn["target"])


def _asked(board: str, where: str, target: dict[str, Any]) -> Asked:
    text = target.get("rawSql") or target["query"]
    shape = target.get("format") or target["resultFormat"]
    return Asked(board, where, target["datasource"]["type"], text, shape)


QUERIES = tuple(asked())
OF_INFLUX = [one for one in QUERIES if one.source == "influxdb"]
OF_LEDGER = [one for one in QUERIES if one.source == "grafana-postgresql-datasource"]


def named(one: Asked) -> str:
    return f"{one.board.removeprefix('culturewatch-')}: {one.where}"


def test_every_query_is_one_of_the_two() -> None:
    assert len(OF_INFLUX) + len(OF_LEDGER) == len(QUERIES)
    assert len({one.board for one in QUERIES}) == 6


async def test_every_query_of_readings_finds_some(own_influx: InfluxServer, tmp_path: Path) -> None:
    bucket = await asyncio.to_thread(own_influx.new_bucket)
    await _filled(own_influx, bucket, tmp_path / "journal")
    async with httpx.AsyncClient(base_url=own_influx.url, timeout=PATIENCE_S) as client:
        for one in OF_INFLUX:
            answer = await client.post(
                "/query",
                params={"db": bucket, "epoch": "ms"},
                data={"q": influxql(one)},
                headers={"Authorization": f"Token {own_influx.token}"},
            )
            assert answer.status_code == 200, (named(one), answer.text)
            result = answer.json()["results"][0]
            assert "error" not in result, (named(one), result)
            rows = [row for found in result.get("series", ()) for row in found["values"]]
            assert any(value is not None for row in rows for value in row[1:]), named(one)


async def test_hours_to_empty_are_the_level_over_how_fast_it_fell(
    own_influx: InfluxServer, tmp_path: Path
) -> None:
    bucket = await asyncio.to_thread(own_influx.new_bucket)
    await _filled(own_influx, bucket, tmp_path / "journal")
    (panel,) = (one for one in OF_INFLUX if one.where.startswith(TO_EMPTY))
    async with httpx.AsyncClient(base_url=own_influx.url, timeout=PATIENCE_S) as client:
        answer = await client.post(
            "/query",
            params={"db": bucket, "epoch": "ms"},
            data={"q": influxql(panel)},
            headers={"Authorization": f"Token {own_influx.token}"},
        )
    (found,) = answer.json()["results"][0]["series"]
    # Six hours are needed to know how fast it falls. In the day before there is one reading in each
    # span of ten minutes, and at 1 mm an hour as many hours are left as millimetres.
    before = {at: value for at, value in found["values"] if at < BEGUN}
    assert min(before) == BEGUN - DAY + 6 * HOUR
    assert len(before) == 18 * 6
    for at, value in before.items():
        assert value == pytest.approx(400.0 + (BEGUN - at) / HOUR, abs=0.01)
    # The newest span, and those behind hours that are not known or not to be trusted.
    newest = found["values"][-1]
    assert newest[0] > NOW - HOUR
    assert newest[1] == pytest.approx(394.0, rel=0.02)


async def test_nothing_read_draws_nothing(own_influx: InfluxServer, tmp_path: Path) -> None:
    bucket = await asyncio.to_thread(own_influx.new_bucket)
    await _filled(own_influx, bucket, tmp_path / "journal")
    curve = next(one for one in OF_INFLUX if named(one) == "incubator: Temperature A")
    async with httpx.AsyncClient(base_url=own_influx.url, timeout=PATIENCE_S) as client:
        answer = await client.post(
            "/query",
            params={"db": bucket, "epoch": "ms"},
            data={"q": influxql(curve)},
            headers={"Authorization": f"Token {own_influx.token}"},
        )
    found = answer.json()["results"][0]["series"][0]["values"]
    silent = [value for at, value in found if BEGUN + 2 * HOUR <= at < BEGUN + 3 * HOUR]
    read = [value for at, value in found if BEGUN <= at < BEGUN + 2 * HOUR]
    assert silent
    assert set(silent) == {None}
    assert all(value == pytest.approx(37.0) for value in read)


@pytest.fixture
def reader(
    postgres_server: PostgresServer, ledger_url: str, tmp_path: Path
) -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
    """Grafana's connection to a ledger that the product has filled."""
    roles = postgres_server.run("SELECT rolname FROM pg_roles")
    if (READER,) not in roles:
        postgres_server.run(f"CREATE ROLE {READER} LOGIN PASSWORD '{PASSWORD}'")
    _entered(ledger_url, tmp_path / "alarms" / "alarms.db")
    give(ledger_url, writer="postgres", reader=READER)
    name = ledger_url.rsplit("/", 1)[1]
    with postgres_server.connect(name, user=READER, password=PASSWORD) as connection:
        yield connection


def test_every_query_of_the_ledger_finds_some(
    reader: "psycopg.Connection[tuple[object, ...]]",
) -> None:
    for one in OF_LEDGER:
        with reader.cursor() as cursor:
            cursor.execute(sql(one).encode())
            rows = cursor.fetchall()
            names = [column.name for column in cursor.description or ()]
        assert rows, named(one)
        if one.where.startswith("drawn"):
            assert {"time", "text", "tags"} <= set(names), named(one)


def test_regions_begin_and_end_where_the_ledger_says(
    reader: "psycopg.Connection[tuple[object, ...]]",
) -> None:
    drawn = {named(one): one for one in OF_LEDGER}
    stays = reader.execute(sql(drawn["batch: drawn Placements"]).encode()).fetchall()
    assert [row[:3] for row in stays] == [
        (BEGUN, BEGUN + HOUR, "inc.1 shelf 1"),
        (BEGUN + HOUR, NOW, "inc.1 shelf 2"),
    ]
    excursions = reader.execute(sql(drawn["batch: drawn Excursions"]).encode()).fetchall()
    # The second one goes on: to the end of what is shown. The void one never was.
    assert excursions == [
        (BEGUN + HOUR, BEGUN + 2 * HOUR, "inc.1.temperature: inc1-hot", "high"),
        (BEGUN + 4 * HOUR, NOW, "inc.1.temperature: inc1-hot", "high"),
    ]


def test_figures_of_alarms_are_those_worked_out_by_hand(
    reader: "psycopg.Connection[tuple[object, ...]]",
) -> None:
    panels = {named(one): one for one in OF_LEDGER}
    (standing,) = reader.execute(sql(panels["on-call: Alarms standing A"]).encode()).fetchall()
    assert standing == (1,)
    listed = reader.execute(sql(panels["lab: Standing alarms A"]).encode()).fetchall()
    # It was acknowledged, and has alarmed again since: acknowledged is not fixed.
    assert [(row[2], row[4]) for row in listed] == [("inc1-hot", "unacknowledged")]
    acknowledged = reader.execute(
        sql(panels["on-call: Until somebody acknowledged, in seconds A"]).encode()
    ).fetchall()
    # Set three times, one of them void; acknowledged after five minutes, and after one.
    assert [(row[0], row[1], row[2], row[3]) for row in acknowledged] == [
        ("critical", 1, 0, None),
        ("high", 3, 2, 180.0),
    ]
    pages = reader.execute(sql(panels["on-call: Who was told A"]).encode()).fetchall()
    assert pages == [("anna", 1, 1, 0)]


def influxql(one: Asked) -> str:
    """The query as Grafana sends it, of the last six hours, or of a day where it looks at spans."""
    chosen = CHOSEN.get(one.board, "inc.1")
    since = BEGUN - DAY if one.where.startswith(TO_EMPTY) else BEGUN
    text = one.text.replace("$timeFilter", f"time >= {since}ms and time <= {NOW}ms")
    text = text.replace("$__interval", "10m")
    return re.sub(r"\$\{devices?:regex\}", re.escape(chosen), text)


def sql(one: Asked) -> str:
    """The query as Grafana sends it, of the last six hours."""
    text = one.text.replace("$__unixEpochFrom()", str(BEGUN // 1000))
    text = text.replace("$__unixEpochTo()", str(NOW // 1000))
    text = text.replace("${device:sqlstring}", f"'{CHOSEN.get(one.board, '')}'")
    text = text.replace("${batch:sqlstring}", "'B-2026-0001'")
    assert "$" not in text
    return text


async def _filled(influx: InfluxServer, bucket: str, folder: Path) -> None:
    settings = InfluxSettings(url=influx.url, org=influx.org, bucket=bucket, token=influx.token)
    async with Journal(folder) as journal:
        scans = list(_scans())
        for scan in scans[:-1]:
            journal.append(scan)
        await journal.put(scans[-1])
        forwarder = Forwarder(settings, journal, site="lab", pace=Pace(linger_s=0.1))
        running = asyncio.create_task(forwarder.run(), name="forwarder")
        try:
            async with asyncio.timeout(PATIENCE_S):
                while await journal.cursor(CURSOR) < journal.last:  # noqa: ASYNC110 - has no event
                    await asyncio.sleep(0.02)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def _scans() -> Iterator[Scan]:
    """Six hours, a scan a minute: an hour of silence, and an hour that nobody may trust.

    Of the freezer, whose level falls by 1 mm an hour, the day before as well.
    """
    for tenth in range(-DAY // 600_000, 0):
        at = BEGUN + tenth * 600_000
        values = (400.0 - tenth / 6, -188.0, 0.0, 0.0)
        yield _scan(FREEZER, at, values, Quality.GOOD)
    for minute in range(360):
        at = BEGUN + minute * 60_000
        hour = minute // 60
        if hour == 2:
            yield absent(INCUBATOR, at=at)
            yield absent(FREEZER, at=at)
        else:
            code = Quality.SUSPECT if hour == 4 else Quality.GOOD
            yield _scan(INCUBATOR, at, (37.0, 5.0, 20.9, 95.0, 0.0), code)
            yield _scan(FREEZER, at, (400.0 - minute / 60, -188.0, 0.0, 0.0), code)
        yield _scan(ITSELF, at, (1.0,) * len(ITSELF.keys), Quality.GOOD)


def _scan(layout: Layout, at: int, values: tuple[float, ...], code: Quality) -> Scan:
    return Scan(layout, at, at, values, bytes([code] * len(values)))


def _entered(url: str, alarms: Path) -> None:
    ledger = Ledger(url, keys=alarms.parent / "keys")

    def act(at: int) -> Signed:
        return Signed(by="anna", at=at, reason="as planned")

    ledger.open_batch("B-2026-0001", product="Fibroblasts, P2", act=act(BEGUN))
    ledger.place("B-2026-0001", "inc.1", position="shelf 1", act=act(BEGUN))
    ledger.move("B-2026-0001", "inc.1", position="shelf 2", act=act(BEGUN + HOUR))
    ledger.open_batch("B-2026-0002", product="Fibroblasts, P3", act=act(BEGUN - HOUR))
    lineage = Lineage(ledger)
    lineage.passage("B-2026-0002", number=3, act=act(BEGUN))
    slot = Place(device="ln2-1", rack="1", box="2", slot="A1")
    lineage.freeze("B-2026-0002", [slot], act=act(BEGUN + HOUR))
    store = open_store(alarms)
    for said in _told():
        history.append(store, 1, said)
    store.close()
    with AlarmReader(alarms) as reader:
        follow(ledger.database, reader, now=NOW)


def _told() -> Iterator[Transition]:
    def said(at: int, what: What, occurrence: int | None, **more: Any) -> Transition:  # noqa: ANN401 # what Transition takes
        return Transition(
            at=at,
            what=what,
            rule="inc1-hot",
            channel="inc.1.temperature",
            occurrence=occurrence,
            severity="high",
            **more,
        )

    first = BEGUN + HOUR
    yield said(first, What.SET, 1, value=38.5)
    yield said(first, What.QUEUED, 1, to="anna")
    yield said(first + 60_000, What.ESCALATE, 1)
    yield said(first + 300_000, What.ACK, 1, by="anna")
    yield said(first + HOUR, What.CLEAR, 1)
    yield said(first + HOUR, What.ALL_CLEAR, 1, to="anna")
    yield said(BEGUN + 3 * HOUR, What.SET, 2)
    yield said(BEGUN + 3 * HOUR, What.VOID, 2)
    yield said(BEGUN + 4 * HOUR, What.SET, 3, value=38.6)
    yield said(BEGUN + 4 * HOUR + 60_000, What.ACK, 3, by="anna")
    yield said(BEGUN + 5 * HOUR, What.RE_ALARM, 3)
    for what in (What.SET, What.CLEAR):
        yield Transition(
            at=BEGUN + 3 * HOUR + (what is What.CLEAR),
            what=what,
            rule="ln2-low",
            channel="ln2-1.level",
            occurrence=1,
            severity="critical",
        )
    yield said(BEGUN + 5 * HOUR, What.SHELVED, None, by="anna", why="the door is being repaired")
    yield Transition(at=BEGUN + 5 * HOUR, what=What.SYSTEM, why="the disk is slow")
