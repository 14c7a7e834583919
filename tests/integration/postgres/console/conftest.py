"""The console's sites have their ledgers on a real PostgreSQL."""

from pathlib import Path

import pytest

from tests.unit.console.lab import SERVED


@pytest.fixture(autouse=True)
def noted(tmp_path: Path, ledger_url: str) -> None:
    """Where the site's ledger is, is said among its data."""
    (tmp_path / SERVED).write_text(ledger_url)
