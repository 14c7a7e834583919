"""``tests/unit/culturewatch/test_sign_commands.py`` on a real PostgreSQL."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.postgres_server import PostgresServer
from tests.unit.culturewatch.test_sign_commands import *
from tests.unit.culturewatch.test_sign_commands import furnish

pytestmark = pytest.mark.postgres
TEMPLATE = "signed_at_a_terminal"


@pytest.fixture(scope="session")  # type: ignore[no-redef] # in its place
def template(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A staffed ledger and a record that it knows, made once."""
    base = tmp_path_factory.mktemp("signed")
    postgres_server.run(f"CREATE DATABASE {TEMPLATE} TEMPLATE ledger_template")
    furnish(base, postgres_server.url(TEMPLATE))
    return base


@pytest.fixture
def served(template: Path, new_database: Callable[[str], str]) -> str:  # noqa: ARG001 # made first
    """A copy of that ledger."""
    return new_database(TEMPLATE)
