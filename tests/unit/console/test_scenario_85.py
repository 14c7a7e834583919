"""Scenario 85: a forged and an expired link are refused, the alarm stays, and it is logged."""

import logging
import time
from pathlib import Path

import pytest

from alerts.reader import AlarmReader
from alerts.transition import What
from tests.unit.console.lab import (  # a test's own
    browser,
    core,
    incubator,
    link,
    press,
    settings,
    state_of,
)


async def test_neither_acknowledges_and_a_good_one_still_does(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.WARNING)
    async with core(tmp_path) as running, browser(settings(tmp_path)) as client:
        await running.hear(incubator(37.0), incubator(38.5))
        good = link(tmp_path)
        forged = good[:-3] + "AAA"
        assert (await press(client, forged)).status_code == 403
        with monkeypatch.context() as patch:
            later = time.time() + 86_402
            patch.setattr("time.time", lambda: later)
            assert (await press(client, good)).status_code == 410
        assert state_of(tmp_path) == "U"
        refused = [line for line in caplog.messages if "acknowledge link was refused" in line]
        # Each was opened and pressed.
        assert len(refused) == 4
        assert not [line for line in refused if good.removeprefix("/ack/") in line]
        with AlarmReader(tmp_path / "alarms.db") as reader:
            assert What.ACK not in {one.what for one in reader.told()}
        async with running.taking():
            assert (await press(client, good)).status_code == 200
        assert state_of(tmp_path) == "A"
