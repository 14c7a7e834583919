"""Where the ledgers of the tests are: in files. ``tests/integration/postgres`` says otherwise."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from storage.database import file_of, upgrade
from tests.intruder import Intruder, SqliteIntruder
from tests.outage import FileOutage, Outage


@pytest.fixture(scope="session")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger without entries: to migrate one anew for each test takes longer than most tests."""
    path = tmp_path_factory.mktemp("empty") / "ledger.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def ledger_url(tmp_path: Path, empty_ledger: Path) -> str:
    """The address of an empty ledger."""
    (tmp_path / "data").mkdir(exist_ok=True)
    shutil.copyfile(empty_ledger, tmp_path / "data" / "ledger.db")
    return f"sqlite:///{tmp_path}/data/ledger.db"


@pytest.fixture
def served() -> str:
    """The address of that ledger, where it is no file of the folder of data."""
    return ""


@pytest.fixture
def intruder(ledger_url: str) -> Intruder:
    """Somebody who gets at that ledger by another way."""
    return SqliteIntruder(ledger_url)


@pytest.fixture
def outage(ledger_url: str) -> Outage:
    """Takes that ledger away and gives it back."""
    file = file_of(ledger_url)
    assert file is not None
    return FileOutage(file)


@pytest.fixture
def further_url(tmp_path: Path) -> Callable[[str], str]:
    """Makes the address of one more ledger, by name."""
    return lambda name: f"sqlite:///{tmp_path}/further/{name}.db"
