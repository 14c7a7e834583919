"""``culturewatch alarm …`` as people type it, beside a core that runs."""

import asyncio
import json
from pathlib import Path

import pytest

from alerts.transition import What
from culturewatch.site import Site
from simulators.scenario import Door
from tests.integration.laboratory import core, heard, history, lay_out, rooms, until
from tests.integration.test_cli import typed

RULE = "inc1-door-open"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("USER", "tester")
    return lay_out(tmp_path)


async def alarm(*words: str) -> tuple[int, str]:
    return await asyncio.to_thread(typed, "alarm", *words)


@pytest.mark.slow
async def test_people_shelve_acknowledge_and_take_out_of_service(site: Site) -> None:
    async with rooms(site) as hardware:
        with core(site) as running:
            await until(lambda: "inc1" in heard(site), why=lambda: running.said)

            code, said = await alarm("shelve", RULE, "--for", "1h")
            assert (code, "needs a reason" in said) == (1, True)
            code, said = await alarm(
                "shelve", RULE, "--for", "1h", "--reason", "loading", "--by", "S"
            )
            assert (code, "shelved by S until" in said) == (0, True)
            hardware.act(Door(device="inc1", open=True))
            await until(lambda: site_state(site) == "U", why=lambda: running.said)
            code, said = await alarm("silenced")
            assert "inc1-door-open: shelved by S until" in said
            assert "loading; 1 times it would have paged" in said
            assert not (site.data / "inbox.jsonl").exists()

            assert (await alarm("unshelve", RULE))[0] == 0
            await until((site.data / "inbox.jsonl").exists, why=lambda: running.said)
            code, said = await alarm("ack", RULE, "--note", "on my way")
            assert (code, "on my way" in said) == (0, True)
            assert "acknowledged by tester" in (await alarm("list"))[1]

            code, said = await alarm("out-of-service", "inc1", "--for", "2h", "--reason", "repair")
            assert code == 0
            _, said = await alarm("silenced", "--json")
            silent = {one["rule"] for one in json.loads(said)}
            assert silent == {RULE, "inc1-silent"}
            assert (await alarm("in-service", "inc1"))[0] == 0
            assert await alarm("silenced") == (0, "nothing is silenced\n")
            _, said = await alarm("history", RULE)
            whats = [line.split()[3] for line in said.splitlines()]
            whats = [what for what in whats if what != "quality"]
            assert whats[:4] == ["refused", "shelved", "set", "unshelved"]


def site_state(site: Site) -> str:
    said = json.loads(typed("alarm", "list", "--all", "--json", "--site", str(site.path))[1])
    return str(next(one["state"] for one in said if one["rule"] == RULE))


MAPPING = """
[[rule]]
id = "{device}-mapping"
channel = "inc*.temperature"
kind = "overdue"
every = "180d"
severity = "low"
policy = "standard"
cause = "Nobody has checked lately that this probe is in this incubator."
consequence = "A probe in the wrong place watches the wrong cells."
action = "culturewatch alarm warm-touch"
respond_within = "7d"
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("warmed", "code", "told", "whats"),
    [
        ("inc2", 0, "the probe that was warmed is the one that moved", ["set", "done", "clear"]),
        # Another one moves instead, as if somebody had swapped them.
        ("inc1", 1, "another probe moved", ["set", "done"]),
    ],
)
async def test_a_warm_touch_tells_the_right_probe_from_a_swapped_one(
    warmed: str, code: int, told: str, whats: list[str], site: Site
) -> None:
    (site.rules / "mapping.toml").write_text(MAPPING)
    async with rooms(site) as hardware:
        with core(site) as running:
            await until(lambda: {"inc1", "inc2"} <= heard(site), why=lambda: running.said)
            await until(lambda: "set" in happened(site), why=lambda: running.said)
            spans = ("--still", "2s", "--for", "8s", "--by", "S")
            checking = asyncio.create_task(alarm("warm-touch", "inc2-mapping", *spans))
            await asyncio.sleep(3)
            hardware.act(Door(device=warmed, open=True))
            ended, said = await checking
            assert told in said
            assert ended == code
            assert [what for what in happened(site) if what in {"set", "done", "clear"}] == whats


def happened(site: Site) -> list[str]:
    """What the history has of the check of incubator 2."""
    return [
        one.transition.what.value for one in history(site) if one.transition.rule == "inc2-mapping"
    ]


async def test_what_no_core_answers_is_kept_and_said_to_be(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("culturewatch.order.ANSWER_S", 0.2)
    code, said = await alarm("ack", RULE)
    assert code == 1
    assert "is kept, but no core has answered" in said
    assert (site.data / "inbox.db").exists()


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("words", ["--until yesterday --reason r", "--for long --reason r", ""])
async def test_a_permit_without_an_end_is_wrong_use(words: str) -> None:
    code, said = await alarm("out-of-service", "inc1", *words.split())
    assert code == 2
    assert said.count("\n") == 1


@pytest.mark.slow
async def test_all_that_is_listed_is_acknowledged_at_once_under_one_note(site: Site) -> None:
    async with rooms(site) as hardware:
        with core(site) as running:
            await until(lambda: {"inc1", "inc2"} <= heard(site), why=lambda: running.said)
            for device in ("inc1", "inc2"):
                hardware.act(Door(device=device, open=True))
            await until(lambda: waiting(site) >= {RULE, "inc2-door-open"}, why=lambda: running.said)
            for wrong in (["--all", RULE], [], [RULE, "--device", "inc1"]):
                assert (await alarm("ack", *wrong))[0] == 2
            code, said = await alarm("ack", "--all", "--device", "inc9")
            assert (code, "--device inc9: there is none of that name" in said) == (2, True)

            code, said = await alarm("ack", "--all", "--device", "inc1", "--by", "S")
            assert code == 0
            assert "1 of 1 alarms of inc1 acknowledged" in said
            assert RULE not in waiting(site)
            code, said = await alarm("ack", "--all", "--note", "moving house", "--by", "S")
            assert code == 0
            assert waiting(site) == set()
            told = [row.transition for row in history(site)]
            acked = [one for one in told if one.what is What.ACK]
            assert {(one.rule, one.by) for one in acked} >= {(RULE, "S"), ("inc2-door-open", "S")}
            assert "moving house" in next(one.why for one in acked if one.rule == "inc2-door-open")
            # Rows of their own, each with its own answer.
            assert len({one.command for one in acked}) == len(acked)
            assert await alarm("ack", "--all") == (
                0,
                "0 of 0 alarms of the whole site acknowledged\n",
            )


def waiting(site: Site) -> set[str]:
    """Rules whose alarms nobody has acknowledged."""
    said = json.loads(typed("alarm", "list", "--json", "--site", str(site.path))[1])
    return {str(one["rule"]) for one in said if one["state"] in {"U", "R", "LU"}}
