"""The tests of ``tests/unit/batches/signing`` on a real PostgreSQL."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.postgres_server import PostgresServer
from tests.unit.batches.signing.conftest import *
from tests.unit.batches.signing.laboratory import Laboratory, furnish
from tests.unit.batches.signing.test_forged import *
from tests.unit.batches.signing.test_interrupted import *
from tests.unit.batches.signing.test_order import *

pytestmark = pytest.mark.postgres
TEMPLATE = "signable"


@pytest.fixture(scope="session")  # type: ignore[no-redef] # in its place
def signable(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A staffed ledger and a record that it knows, made once."""
    base = tmp_path_factory.mktemp("signable")
    postgres_server.run(f"CREATE DATABASE {TEMPLATE} TEMPLATE ledger_template")
    furnish(Laboratory(base, postgres_server.url(TEMPLATE)))
    return base


@pytest.fixture  # type: ignore[no-redef] # in its place
def lab(signable: Path, tmp_path: Path, new_database: Callable[[str], str]) -> Laboratory:
    """Both, to be signed."""
    return Laboratory(shutil.copytree(signable, tmp_path / "lab"), new_database(TEMPLATE))
