"""What each token opens, what no token opens, and how often somebody may ask."""

from pathlib import Path

import pytest
from fastapi.routing import APIRoute
from starlette.routing import Mount

from console.api.application import AT
from console.api.entry import BURST, STRANGER_BURST
from console.api.tokens import Scope
from console.app import create
from storage.archive.log import LogReader
from tests.unit.console.api.program import READ, client, token, told
from tests.unit.console.lab import (
    browser,
    core,
    freezer_is_silent,
    incubator,
    settings,
)

pytestmark = pytest.mark.long


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


async def test_a_path_with_a_line_end_in_it_is_answered_as_to_a_program(tmp_path: Path) -> None:
    async with client(tmp_path, Scope.BATCHES) as program:
        answer = await program.get(f"{AT}/batches/B%0A1")
    assert answer.status_code == 404
    assert "detail" in answer.json()


async def test_without_a_place_for_tokens_there_is_no_api(tmp_path: Path) -> None:
    async with browser(settings(tmp_path)) as program:
        assert (await program.get(f"{AT}/health")).status_code == 404
