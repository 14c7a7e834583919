"""An admin, and anna, who has chosen her own password."""

import shutil
from pathlib import Path

import pytest

from batches.ledger import Ledger
from batches.people import People
from tests.unit.batches.conftest import MONDAY, Clock
from tests.unit.batches.people.access import begin
from tests.unit.batches.staff import people_of


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An admin, and anna, an operator who has chosen her own password."""
    data = tmp_path_factory.mktemp("people") / "data"
    ledger = Ledger(f"sqlite:///{data}/ledger.db", now=lambda: MONDAY)
    begin(ledger)
    ledger.database.close()
    return data


@pytest.fixture
def ledger(ledger_url: str, tmp_path: Path, clock: Clock) -> Ledger:
    return Ledger(ledger_url, now=clock, keys=tmp_path / "data" / "secrets" / "patients")


@pytest.fixture
def staffed(template: Path, ledger_url: str, tmp_path: Path, clock: Clock) -> Ledger:
    shutil.copytree(template, tmp_path / "data", dirs_exist_ok=True)
    return Ledger(ledger_url, now=clock)


@pytest.fixture
def people(staffed: Ledger) -> People:
    return people_of(staffed)
