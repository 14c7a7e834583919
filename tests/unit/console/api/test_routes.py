"""The HTTP API over files that a real core has written."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import msgspec
import pytest
from fastapi.routing import APIRoute
from msgspec.structs import replace
from starlette.routing import Mount

from alerts.reader import AlarmReader
from batches.placement import Refused
from console.api import described, events
from console.api.application import AT
from console.api.entry import BURST, STRANGER_BURST
from console.api.examples import EXAMPLES
from console.api.tokens import ApiTokens, Scope
from console.app import create
from console.settings import ConsoleSettings
from console.sight import Sight
from console.view import Viewer
from storage.archive.log import LogReader
from storage.inbox import Inbox
from storage.wall import wall_ms
from tests.unit.batches.staff import enlist
from tests.unit.console.lab import (
    EQUIPMENT,
    RULE,
    browser,
    core,
    freezer_is_silent,
    incubator,
    ledger_of,
    ledger_url,
    put_batch_into,
    settings,
    state_of,
    waiting,
)

pytestmark = pytest.mark.long

Asking = dict[str, str | int | float | bool | Sequence[str | int | float | bool | None] | None]
MINUTE = 60_000
READ = [Scope.READINGS, Scope.ALARMS, Scope.BATCHES, Scope.HEALTH]


def told(data: Path) -> ConsoleSettings:
    return replace(settings(data), api_tokens=data / "secrets" / "api-tokens")


def token(data: Path, *scopes: Scope, name: str = "t", person: str = "") -> dict[str, str]:
    """The header of a new token."""
    now = wall_ms()
    text = ApiTokens(data / "secrets" / "api-tokens").make(
        name, scopes, expires_at=now + 60 * MINUTE, now=now, by="anna", person=person
    )
    return {"Authorization": f"Bearer {text}"}


@asynccontextmanager
async def client(data: Path, *scopes: Scope, person: str = "") -> AsyncIterator[httpx.AsyncClient]:
    """A program with a token of these scopes."""
    async with browser(told(data)) as found:
        found.headers.update(token(data, *scopes, person=person))
        yield found


async def test_newest_readings_say_what_is_silent(tmp_path: Path) -> None:
    async with core(tmp_path) as running, client(tmp_path, *READ) as program:
        await running.hear(incubator(37.0), freezer_is_silent())
        answer = await program.get(f"{AT}/devices")
    found = {one["id"]: one for one in answer.json()["devices"]}
    assert found["inc1"]["channels"][0]["value"] == 37.0
    assert found["ln2a"]["silent"] is True
    assert found["ln2a"]["channels"][0]["value"] is None


async def test_a_curve_has_a_bucket_for_what_was_not_read(tmp_path: Path) -> None:
    start = wall_ms() - 60 * MINUTE
    async with core(tmp_path) as running:
        await running.hear(
            incubator(36.0, at=start), incubator(38.0, at=start + MINUTE),
            incubator(37.0, at=start + 4 * MINUTE),
        )  # fmt: skip
        channel = "inc1.temperature"
        span: Asking = {"channel": channel, "start": start, "end": start + 6 * MINUTE}
        async with client(tmp_path, Scope.READINGS) as program:
            answer = await program.get(f"{AT}/readings", params={**span, "buckets": 3})
            each = await program.get(f"{AT}/readings/each", params=span)
            csv = await program.get(f"{AT}/readings/each", params={**span, "form": "csv"})
    curve = answer.json()
    assert (curve["unit"], curve["step"]) == ("degC", 2 * MINUTE)
    assert [(b["good"], b["least"], b["mean"], b["most"]) for b in curve["buckets"]] == [
        (2, 36.0, 37.0, 38.0),
        (0, None, None, None),
        (1, 37.0, 37.0, 37.0),
    ]
    rows = [json.loads(line) for line in each.text.splitlines()]
    assert [row["value"] for row in rows[:-1]] == [36.0, 38.0, 37.0]
    assert rows[-1] == {"end": True, "readings": 3, "damaged": 0}
    lines = csv.text.splitlines()
    assert lines[0] == "at,received,value,quality,source"
    assert lines[-1] == "# end: 3 readings, 0 entries damaged"
    assert len(lines) == 5


async def test_every_answer_is_described_with_an_example_that_is_one(tmp_path: Path) -> None:
    async with browser(told(tmp_path)) as program:
        header = token(tmp_path, Scope.HEALTH)
        described_ = (await program.get(f"{AT}/openapi.json", headers=header)).json()
    kinds = {kind.__name__: kind for kind in described.ANSWERS}
    shown = set()
    for path in described_["paths"].values():
        for operation in path.values():
            for answer in operation["responses"].values():
                content = answer.get("content", {}).get("application/json", {})
                name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
                if name in kinds:
                    assert content["example"] == EXAMPLES[name]
                    shown.add(name)
    assert shown == kinds.keys() == EXAMPLES.keys()
    for name, kind in kinds.items():
        # Strictly: a field that is unknown, missing or of another type is none of the kind.
        made = msgspec.json.encode(msgspec.convert(EXAMPLES[name], kind))
        assert json.loads(made) == EXAMPLES[name]


async def test_the_past_that_was_asked_for_in_too_large_a_piece_is_refused(tmp_path: Path) -> None:
    async with core(tmp_path) as running, client(tmp_path, Scope.READINGS) as program:
        await running.hear(incubator(37.0))
        ask: Asking = {"channel": "inc1.temperature", "start": 0, "end": 32 * 86_400_000}
        assert (await program.get(f"{AT}/readings/each", params=ask)).status_code == 422
        days = (await program.get(f"{AT}/readings", params=ask)).json()
        assert (days["of"], len(days["buckets"])) == ("days", 32)
        century: Asking = ask | {"end": 36_500 * 86_400_000}
        answer = await program.get(f"{AT}/readings", params=century)
        assert answer.status_code == 422
        assert "by 4000 days at most" in answer.json()["detail"]
        unknown: Asking = ask | {"channel": "inc9.x", "end": 1}
        assert (await program.get(f"{AT}/readings", params=unknown)).status_code == 404


async def test_alarms_are_read_and_acknowledged_in_the_name_of_a_person(tmp_path: Path) -> None:
    async with core(tmp_path) as running, running.taking():
        await running.hear(incubator(37.0), incubator(38.5))
        async with client(tmp_path, *READ, Scope.ACT, person="A") as program:
            (alarm,) = (await program.get(f"{AT}/alarms")).json()["alarms"]
            assert (alarm["rule"], alarm["state"]) == (RULE.id, "U")
            said = {"note": "door closed", "occurrence": alarm["occurrence"]}
            answer = await program.post(f"{AT}/alarms/{RULE.id}/ack", json=said)
            assert answer.json()["accepted"] is True
            again = await program.post(f"{AT}/alarms/none/ack", json={})
            assert again.status_code == 409
            history = (await program.get(f"{AT}/alarms/history")).json()
    assert state_of(tmp_path) == "A"
    acks = [r["transition"] for r in history["rows"] if r["transition"]["what"] == "ack"]
    assert [(one["by"], one["why"]) for one in acks] == [("A", "door closed")]
    assert history["next"] == history["rows"][-1]["number"]


async def test_shelving_needs_a_reason_and_goes_through_the_inbox(tmp_path: Path) -> None:
    async with core(tmp_path) as running, running.taking():
        await running.hear(incubator(37.0))
        async with client(tmp_path, Scope.ACT, person="A") as program:
            path = f"{AT}/alarms/{RULE.id}/shelve"
            assert (await program.post(path, json={"minutes": 5})).status_code == 422
            shelved = await program.post(path, json={"minutes": 5, "reason": "probe changed"})
            assert shelved.json()["accepted"] is True
            back = await program.post(f"{AT}/alarms/{RULE.id}/unshelve")
            assert back.json()["accepted"] is True


async def test_what_no_core_takes_is_kept_and_said_to_be(tmp_path: Path) -> None:
    with Inbox(tmp_path):
        pass
    async with client(tmp_path, Scope.ACT, person="A") as program:
        answer = await program.post(f"{AT}/alarms/{RULE.id}/ack", json={})
    assert (answer.status_code, answer.json()["accepted"]) == (202, None)
    assert waiting(tmp_path) == [f"ack {RULE.id} by A"]


MISTAKES = ("site.toml:3: unknown key `time_zoen`", "rules.d/a.toml:1: no such policy")


async def test_files_that_can_be_used_are_read_again_in_the_name_of_a_person(
    tmp_path: Path,
) -> None:
    with Inbox(tmp_path):
        pass
    header = token(tmp_path, Scope.ADMIN, person="A")
    site = replace(told(tmp_path), site_id="lab", findings=lambda: ())
    async with browser(site) as program:
        answer = await program.post(f"{AT}/reload", headers=header)
    assert (answer.status_code, answer.json()["accepted"]) == (202, None)
    assert waiting(tmp_path) == ["reload lab by A"]


async def test_files_with_mistakes_are_answered_with_all_of_them_and_no_order_goes_out(
    tmp_path: Path,
) -> None:
    with Inbox(tmp_path):
        pass
    header = token(tmp_path, Scope.ADMIN, person="A")
    site = replace(told(tmp_path), site_id="lab", findings=lambda: MISTAKES)
    async with browser(site) as program:
        answer = await program.post(f"{AT}/reload", headers=header)
    assert answer.status_code == 422
    assert tuple(answer.json()["findings"]) == MISTAKES
    assert waiting(tmp_path) == []


async def test_who_may_not_reload_is_not_told_what_stands_in_the_files(tmp_path: Path) -> None:
    enlist(ledger_of(tmp_path), {"admin": ["admin"], "olga": ["operator"]})
    site = replace(told(tmp_path), site_id="lab", findings=lambda: MISTAKES)
    acting = token(tmp_path, Scope.ACT, person="admin", name="acts")
    operator = token(tmp_path, Scope.ADMIN, person="olga", name="olga")
    gone = token(tmp_path, Scope.ADMIN, person="gone", name="gone")
    async with browser(site) as program:
        for header in (acting, operator, gone):
            answer = await program.post(f"{AT}/reload", headers=header)
            assert answer.status_code == 403
            assert "time_zoen" not in answer.text


async def test_batches_and_where_they_stood(tmp_path: Path) -> None:
    put_batch_into(tmp_path, "inc1")
    async with client(tmp_path, Scope.BATCHES) as program:
        batches = (await program.get(f"{AT}/batches")).json()["batches"]
        stays = (await program.get(f"{AT}/batches/B-2026-0001/placements")).json()["placements"]
        inside = (await program.get(f"{AT}/devices/inc1/placements")).json()["placements"]
        unknown = await program.get(f"{AT}/batches/B-2026-0009")
        empty = await program.get(f"{AT}/devices/ln2a/placements")
        nowhere = await program.get(f"{AT}/devices/ln2x/placements")
    assert [one["id"] for one in batches] == ["B-2026-0001"]
    assert [one["device"] for one in stays] == ["inc1"]
    assert inside == stays
    assert empty.json() == {"placements": []}
    assert nowhere.status_code == 404
    assert unknown.status_code == 404


async def test_a_record_is_made_for_the_token_that_asks(tmp_path: Path) -> None:
    asked = []

    def record(batch: str, by: str) -> bytes:
        asked.append((batch, by))
        if batch == "B-2026-0009":
            raise Refused(f"{batch}: is not known")
        return b'{"id":"B-2026-0001/1"}'

    header = token(tmp_path, Scope.RECORDS, name="lims")
    async with browser(replace(told(tmp_path), record=record)) as program:
        path = f"{AT}/batches/B-2026-0001/record"
        answer = await program.get(path, headers=header)
        unknown = await program.get(path.replace("0001", "0009"), headers=header)
        other = await program.get(path, headers=token(tmp_path, Scope.BATCHES, name="other"))
    assert (answer.json(), unknown.status_code, other.status_code) == (
        {"id": "B-2026-0001/1"},
        404,
        403,
    )
    assert [by for _, by in asked] == ["token:lims", "token:lims"]


async def test_who_only_looks_makes_no_ledger(tmp_path: Path) -> None:
    async with client(tmp_path, Scope.BATCHES) as program:
        answer = await program.get(f"{AT}/batches")
    assert answer.status_code == 503
    assert not (tmp_path / "ledger.db").exists()


ROUTES = {
    Scope.READINGS: (
        "/devices",
        "/readings?channel=a.b&start=0&end=1",
        "/readings/each?channel=a.b&start=0&end=1",
    ),
    Scope.ALARMS: ("/alarms", "/alarms/history"),
    Scope.BATCHES: ("/batches", "/batches/x", "/batches/x/placements", "/devices/x/placements"),
    Scope.HEALTH: ("/health",),
}


async def test_every_scope_opens_its_own_routes_only(tmp_path: Path) -> None:
    async with browser(told(tmp_path)) as program:
        for number, (scope, paths) in enumerate(ROUTES.items()):
            others = [one for one in READ if one is not scope]
            known = token(tmp_path, *others, name=f"t{number}")
            for path in paths:
                denied = await program.get(f"{AT}{path}", headers=known)
                assert denied.status_code == 403
                assert scope in denied.json()["detail"]
                anyone = await program.get(f"{AT}{path}")
                assert anyone.status_code == 401
                assert anyone.headers["www-authenticate"] == "Bearer"


def test_nothing_in_the_route_table_can_alter_a_reading(tmp_path: Path) -> None:
    app = create(told(tmp_path))
    (mounted,) = [one for one in app.routes if isinstance(one, Mount) and one.path == AT]
    routes = [one for one in mounted.routes if isinstance(one, APIRoute)]
    writes = {
        (method, one.path)
        for one in routes
        for method in (one.methods or set()) - {"GET", "HEAD", "OPTIONS"}
    }
    assert len(routes) > 10
    # What is written are orders to the core: commands in the inbox, with a name and a time.
    assert writes == {
        ("POST", f"/alarms/{{rule}}/{verb}") for verb in ("ack", "shelve", "unshelve")
    } | {("POST", "/reload")}


async def test_no_method_on_readings_changes_the_log(tmp_path: Path) -> None:
    async with core(tmp_path) as running:
        await running.hear(incubator(37.0))
        with LogReader(tmp_path) as log:
            before = log.entries(0)
        async with client(tmp_path, *READ, Scope.ACT, person="A") as program:
            for method in ("POST", "PUT", "PATCH", "DELETE"):
                for path in ("/readings", "/readings/each", "/devices", "/alarms/history"):
                    answer = await program.request(method, f"{AT}{path}", json={"value": 1})
                    assert answer.status_code == 405
        with LogReader(tmp_path) as log:
            assert log.entries(0) == before


async def test_who_asks_too_often_waits(tmp_path: Path) -> None:
    async with client(tmp_path, Scope.HEALTH) as program:
        answers = [(await program.get(f"{AT}/alarms")).status_code for _ in range(BURST + 3)]
        late = await program.get(f"{AT}/alarms")
    assert set(answers[:BURST]) == {403}
    assert 429 in answers[BURST:] or late.status_code == 429


async def test_who_tries_tokens_is_slowed_down(tmp_path: Path) -> None:
    async with browser(told(tmp_path)) as stranger:
        guess = {"Authorization": "Bearer cwt_t_" + "A" * 43}
        answers = [
            (await stranger.get(f"{AT}/health", headers=guess)) for _ in range(STRANGER_BURST + 1)
        ]
    assert [one.status_code for one in answers[:STRANGER_BURST]] == [401] * STRANGER_BURST
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) >= 1


async def test_prometheus_scrapes_from_this_machine_or_with_a_token(tmp_path: Path) -> None:
    async with core(tmp_path) as running, client(tmp_path, Scope.HEALTH) as program:
        await running.hear(incubator(37.0), freezer_is_silent())
        answer = await program.get("/metrics", headers={"Authorization": ""})
        through = {"Authorization": "", "X-Forwarded-For": "192.0.2.1"}
        refused = await program.get("/metrics", headers=through)
        let_in = await program.get("/metrics", headers={"X-Forwarded-For": "192.0.2.1"})
    assert answer.status_code == 200
    lines = answer.text.splitlines()
    assert "culturewatch_core_up 0.0" in lines
    assert 'culturewatch_device_silent{device="ln2a"} 1.0' in lines
    values = [line for line in lines if line.startswith("culturewatch_reading{")]
    assert any('"inc1.temperature"' in line and line.endswith("} 37.0") for line in values)
    # What says nothing has no value, not an old one and not zero.
    assert not any('device="ln2a"' in line for line in values)
    assert (refused.status_code, let_in.status_code) == (401, 200)


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


async def test_a_path_with_a_line_end_in_it_is_answered_as_to_a_program(tmp_path: Path) -> None:
    async with client(tmp_path, Scope.BATCHES) as program:
        answer = await program.get(f"{AT}/batches/B%0A1")
    assert answer.status_code == 404
    assert "detail" in answer.json()


async def test_without_a_place_for_tokens_there_is_no_api(tmp_path: Path) -> None:
    async with browser(settings(tmp_path)) as program:
        assert (await program.get(f"{AT}/health")).status_code == 404
