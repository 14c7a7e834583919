"""Scenario 89: two hundred devices lose power within a minute."""

from collections import Counter
from pathlib import Path

import pytest

from alerts.rehearse.player import play
from alerts.rehearse.reading import read
from alerts.rehearse.story import Story
from alerts.rehearse.timeline import Outcome

pytestmark = pytest.mark.long

DEVICES = 200
HEAD = """
title = "two hundred devices lose power within a minute"
start = 2026-01-05T08:00:00Z
end = "0:04:00"
bundle = "30s"
"""
TAIL = """
[[rule]]
id = "{device}-cold"
channel = "dev*.temperature"
kind = "low"
limit = 35.0
deadband = 0.2
severity = "critical"
policy = "standard"

[[person]]
id = "A"
channels = ["sms", "mail"]
[[person]]
id = "B"
channels = ["sms"]

[[policy]]
id = "standard"
steps = [{ after = "0m", to = ["A", "B"] }]
"""


def outage(folder: Path, more: str = "") -> Story:
    text = HEAD
    for number in range(DEVICES):
        text += f'[[channel]]\nid = "dev{number:03}.temperature"\nquantity = "temperature"\n'
    text += TAIL
    for number in range(DEVICES):
        # Every 0.3 s from 0:01:00 on, the last at 0:01:59.7.
        at = 60_000 + number * 300
        text += f'[[event]]\nat = "{at}ms"\n'
        text += f'sample = {{ channel = "dev{number:03}.temperature", value = 34.0 }}\n'
    path = folder / "89-outage.toml"
    path.write_text(text + more, encoding="utf-8")
    return read(path)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return play(outage(tmp_path_factory.mktemp("outage")))


def test_each_person_gets_one_page_and_then_lists_with_their_count(outcome: Outcome) -> None:
    asked = [e for e in outcome.timeline if e.what in {"page", "summary"}]
    for person in "AB":
        told = [(e.at, e.what, e.count) for e in asked if e.to == person]
        # By hand: dev000 at once; the next (0:01:00.3) waits for the others until 0:01:30, which
        # are dev001 to dev100; and so do dev101 to dev199 until half a minute after that.
        assert told == [
            (60_000, "page", None),
            (90_000, "summary", 100),
            (120_000, "summary", 99),
        ]


def test_no_page_waits_longer_than_half_a_minute(outcome: Outcome) -> None:
    sets = {e.rule: e.at for e in outcome.timeline if e.what == "set"}
    lists = [e.at for e in outcome.timeline if e.what == "summary" and e.to == "A"]
    waits = [min(at for at in lists if at >= begun) - begun for begun in list(sets.values())[1:]]
    assert max(waits) <= 30_000


def test_each_alarm_is_single_in_the_list_and_escalates_for_itself(outcome: Outcome) -> None:
    assert Counter(e.rule for e in outcome.timeline if e.what == "set") == {
        f"dev{number:03}-cold": 1 for number in range(DEVICES)
    }
    assert {view.state for view in outcome.final.values()} == {"U"}
    assert {view.escalation for view in outcome.final.values()} == {"RUN"}
    assert {view.paged for view in outcome.final.values()} == {("A", "B")}


def test_the_lists_that_a_provider_refuses_go_to_the_next_channel_and_to_somebody_else(
    tmp_path: Path,
) -> None:
    refused = '[[event]]\nat = "0:01:00"\nprovider = { does = "refuse", person = "A", times = 99 }'
    timeline = play(outage(tmp_path, refused)).timeline
    delivered = [e for e in timeline if e.what == "delivered"]
    assert {e.to for e in delivered} == {"B"}
    # B has their own two hundred, and A's in A's place.
    assert sum(e.count or 1 for e in delivered) >= 2 * DEVICES
    tried = [(e.via, e.count) for e in timeline if e.what == "summary" and e.to == "A"]
    assert tried[:2] == [("sms", 100), ("mail", 100)]
    troubles = [e.why for e in timeline if e.what == "system"]
    assert len(troubles) <= 12


def test_98_after_the_network_was_down_for_long_few_messages_come(tmp_path: Path) -> None:
    down = '[[event]]\nat = "0:01:00"\nprovider = { does = "error", times = 40 }'
    timeline = play(outage(tmp_path, down)).timeline
    delivered = [e for e in timeline if e.what == "delivered"]
    assert len(delivered) <= 12
    assert sum(e.count or 1 for e in delivered) >= 2 * DEVICES
