"""The script that makes roles and database, run as the container runs it, and what follows it."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.integration.laboratory import ROOT, lay_out
from tests.postgres_server import PostgresServer
from tests.services import LOOPBACK

pytestmark = pytest.mark.postgres
DATABASE, OWNER, WRITER, READER = "culturewatch", "culturewatch_owner", "culturewatch", "grafana"
SCRIPT = ROOT / "deploy" / "postgres-roles.sh"


@pytest.fixture
def prepared(postgres_server: PostgresServer, tmp_path: Path) -> Iterator[PostgresServer]:
    """A server on which the script was run."""
    script = tmp_path / SCRIPT.name
    text = SCRIPT.read_text()
    assert "/etc/culturewatch/postgres.sql" in text
    sql = str(ROOT / "deploy" / "postgres.sql")
    script.write_text(text.replace("/etc/culturewatch/postgres.sql", sql))
    shell = shutil.which("sh")
    assert shell
    subprocess.run(  # noqa: S603 # our own script
        [shell, script],
        check=True,
        timeout=30,
        env={
            "PATH": "/usr/bin:/bin",
            "PGHOST": LOOPBACK,
            "PGPORT": str(postgres_server.port),
            "PGPASSWORD": postgres_server.password,
            "POSTGRES_USER": "postgres",
            "OWNER_PASSWORD": "own'er",
            "WRITER_PASSWORD": WRITER,
            "READER_PASSWORD": READER,
        },
    )
    yield postgres_server
    postgres_server.run(f"DROP DATABASE {DATABASE} WITH (FORCE)")
    for role in (OWNER, WRITER, READER):
        postgres_server.run(f"DROP ROLE {role}")


def test_the_owner_makes_the_tables_the_writer_adds_and_grafana_looks(
    prepared: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OWNER_PASSWORD", "own'er")
    monkeypatch.setenv("CULTUREWATCH_LEDGER_PASSWORD", WRITER)
    path = lay_out(tmp_path / "site").path
    declared = (ROOT / "deploy" / "site.toml").read_text().partition("[ledger]")[2]
    assert "@postgres:5432/" in declared
    here = declared.replace("@postgres:5432/", f"@{LOOPBACK}:{prepared.port}/")
    path.write_text(f"{path.read_text()}\n[ledger]{here}")

    def run(*arguments: str) -> tuple[int, str]:
        done = subprocess.run(  # noqa: S603 # put together here
            [sys.executable, "-m", "culturewatch", *arguments, "--site", str(path)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=50,
        )
        return done.returncode, done.stdout + done.stderr

    code, said = run("batch", "open", "B-2026-0001", "--product", "x", "--by", "anna")
    assert code == 1
    assert "let the owner of the database run culturewatch ledger upgrade" in said
    owner = ("--as", OWNER, "--password-env", "OWNER_PASSWORD", "--reader", READER)
    for _ in range(2):
        assert run("ledger", "upgrade", *owner) == (0, "the tables are those of this version\n")
    assert run("batch", "open", "B-2026-0001", "--product", "x", "--by", "anna")[0] == 0
    assert run("ledger", "head")[1].startswith("1 ")
    with prepared.connect(DATABASE, user=READER, password=READER) as grafana:
        assert grafana.execute(b"SELECT id FROM culture").fetchall() == [("B-2026-0001",)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            grafana.execute(b"SELECT body FROM act")
    with prepared.connect(DATABASE, user=WRITER, password=WRITER) as writer:
        for statement in (b"DELETE FROM act", b"TRUNCATE batch", b"DROP TABLE departure"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                writer.execute(statement)
