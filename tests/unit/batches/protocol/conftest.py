"""A protocol's file, and what a record is made from."""

from pathlib import Path

import pytest

from tests.unit.batches.protocol_file import GOOD, Edit


@pytest.fixture
def edited(tmp_path: Path) -> Edit:
    """The good file with one piece of text in the place of another."""

    def edited(old: str, new: str) -> Path:
        assert old in GOOD
        path = tmp_path / "protocol.toml"
        path.write_text(GOOD.replace(old, new, 1))
        return path

    return edited
