"""SQLite and PostgreSQL pass the same tests: what opens a ledger on files alone says why."""

import ast
import re
from pathlib import Path

UNIT = Path(__file__).parent
POSTGRES = UNIT.parent / "integration" / "postgres"
OPENS = re.compile(
    r"\bLedger\(|\bDatabase\(|\bledger_of\(|\bledger_url\b|\bserved: str\b|ledger: Ledger"
    r"|import app\b|put_batch_into"
)
_KEEPS = "what it is about asks no ledger"
_AWAY = "its site has no ledger yet, or none that can be reached"
_CW = "tests.unit.culturewatch"
ON_FILES = {
    "tests.unit.batches.test_flipped": "of bits of the file of a database",
    f"{_CW}.doctor.test_doctor": _AWAY,
    f"{_CW}.test_archive_commands": "of segments; the ledger gets one entry",
    f"{_CW}.test_backup_commands": "of files; integration/postgres/test_backup.py is of a server",
    f"{_CW}.test_check": _KEEPS,
    f"{_CW}.test_cli_rota": _KEEPS,
    f"{_CW}.test_exposure": _KEEPS,
    f"{_CW}.test_full_disk": "of files; a server is on a disk of its own",
    f"{_CW}.test_grafana": _KEEPS,
    f"{_CW}.test_hostile_words": _KEEPS,
    f"{_CW}.test_mistakes": _KEEPS,
    f"{_CW}.test_reach": _AWAY,
    f"{_CW}.test_secret": _KEEPS,
    f"{_CW}.test_summary": "of readings and seals; two stays and a sensor are read",
    "tests.unit.console.test_speech": _KEEPS,
    "tests.unit.storage.test_ledger_sqlite": "of the file; integration/postgres/test_postgresql.py",
    "tests.unit.test_deploy": _KEEPS,
    "tests.unit.test_documents": _KEEPS,
}
"""Why a module runs on files alone."""


def opening() -> set[str]:
    """The modules of the unit tests that open a ledger."""
    return {
        path.relative_to(UNIT.parent.parent).with_suffix("").as_posix().replace("/", ".")
        for path in UNIT.rglob("test_*.py")
        if path != Path(__file__) and OPENS.search(path.read_text(encoding="utf-8"))
    }


def on_both() -> set[str]:
    """Those whose tests are run on PostgreSQL as well."""
    return {
        node.module
        for path in POSTGRES.rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        and node.module
        and node.module.startswith("tests.unit.")
    }


def test_what_opens_a_ledger_is_run_on_both_databases_or_says_why_not() -> None:
    left = opening() - on_both()
    assert left == set(ON_FILES)
    assert all(ON_FILES.values())
