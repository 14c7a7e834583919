"""Makes records of that batch, each with something of its own."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest

from alerts.reader import AlarmReader
from batches.export.folder import make_record
from batches.ledger import Ledger
from batches.survey import Readings
from devices.scan import Scan
from tests.unit.batches.conftest import B


class Journal(Readings, Protocol):
    kept: dict[str, list[Scan]]
    damaged: Mapping[int, str]


Make = Callable[..., Path]


@pytest.fixture
def make(
    lived: Ledger,
    journal: Journal,
    alarms: AlarmReader,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Make:
    def make(**other: object) -> Path:
        given: dict[str, Any] = {
            "batch": B,
            "out": tmp_path / "out" / "record",
            "ledger": lived,
            "readings": journal,
            "alarms": alarms,
            "setting": request.getfixturevalue("setting"),
            "made": request.getfixturevalue("made"),
        }
        return make_record(**(given | other))

    return make
