"""The HTTP API over files that a real core has written."""

import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from batches.placement import Refused
from console.api import described
from console.api.application import AT
from console.api.examples import EXAMPLES
from console.api.tokens import Scope
from storage.inbox import Inbox
from storage.wall import wall_ms
from tests.unit.batches.staff import enlist
from tests.unit.console.api.program import MINUTE, READ, client, token, told
from tests.unit.console.lab import (
    RULE,
    browser,
    core,
    freezer_is_silent,
    incubator,
    ledger_of,
    put_batch_into,
    state_of,
    waiting,
)

pytestmark = pytest.mark.long


Asking = dict[str, str | int | float | bool | Sequence[str | int | float | bool | None] | None]


async def test_newest_readings_say_what_is_silent(tmp_path: Path) -> None:
    async with core(tmp_path) as running, client(tmp_path, *READ) as program:
        await running.hear(incubator(37.0), freezer_is_silent())
        answer = await program.get(f"{AT}/devices")
    found = {one["id"]: one for one in answer.json()["devices"]}
    assert found["inc1"]["channels"][0]["value"] == 37.0
    assert found["ln2a"]["silent"] is True
    assert found["ln2a"]["channels"][0]["value"] is None


async def test_a_token_for_readings_tells_of_no_batches_and_names_nobody(tmp_path: Path) -> None:
    put_batch_into(tmp_path, "inc1")
    async with core(tmp_path) as running:
        await running.hear(incubator(38.5))
        said = {}
        for name, scopes in (("few", (Scope.READINGS,)), ("all", READ)):
            async with browser(told(tmp_path)) as program:
                header = token(tmp_path, *scopes, name=name)
                answer = await program.get(f"{AT}/devices", headers=header)
            said[name] = answer.json()["devices"][0]
    assert (said["few"]["batches"], said["few"]["vials"]) == (None, None)
    assert (said["all"]["batches"], said["all"]["vials"]) == (["B-2026-0001"], 0)
    few, all_ = (said[name]["channels"][0]["alarm"] for name in ("few", "all"))
    # That there is one is told to both.
    assert few["state"] == all_["state"] == "U"
    assert (few["paged"], all_["paged"]) == ([], ["A"])


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
