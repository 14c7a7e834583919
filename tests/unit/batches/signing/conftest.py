"""A staffed ledger and a record that it knows, to be signed."""

import shutil
from pathlib import Path

import pytest

from tests.unit.batches.signing.laboratory import Laboratory, furnish


@pytest.fixture(scope="session")
def signable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A staffed ledger and a record that it knows, made once."""
    base = tmp_path_factory.mktemp("signable")
    furnish(Laboratory(base))
    return base


@pytest.fixture
def lab(signable: Path, tmp_path: Path) -> Laboratory:
    return Laboratory(shutil.copytree(signable, tmp_path / "lab"))
