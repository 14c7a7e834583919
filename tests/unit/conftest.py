"""Where the ledgers of the tests are: in files. ``tests/integration/postgres`` says otherwise."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.intruder import Intruder, SqliteIntruder


@pytest.fixture
def ledger_url(tmp_path: Path) -> str:
    """The address of a ledger that is not there yet."""
    return f"sqlite:///{tmp_path}/data/ledger.db"


@pytest.fixture
def intruder(ledger_url: str) -> Intruder:
    """Somebody who gets at that ledger by another way."""
    return SqliteIntruder(ledger_url)


@pytest.fixture
def further_url(tmp_path: Path) -> Callable[[str], str]:
    """Makes the address of one more ledger, by name."""
    return lambda name: f"sqlite:///{tmp_path}/further/{name}.db"
