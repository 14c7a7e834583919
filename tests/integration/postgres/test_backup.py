"""A site whose ledger is on PostgreSQL is backed up, checked without a server, and put back."""

import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from batches.bank import Bank
from batches.batch import Signed
from batches.ledger import Ledger
from batches.lineage import Lineage
from culturewatch.site import load
from storage.acts import head, verify_chain
from storage.database import Database
from tests.integration.laboratory import lay_out
from tests.integration.test_cli import typed

pytestmark = pytest.mark.postgres
PATIENT = "PT-7F3K9M2Q"


def declared(url: str) -> str:
    """The table of the site's file for this address; its password is in LEDGER_PASSWORD."""
    parts = urlsplit(url)
    bare = url.replace(f":{parts.password}@", "@")
    return f'\n[ledger]\nurl = "{bare}"\npassword = {{ env = "LEDGER_PASSWORD" }}\n'


def test_a_ledger_on_a_server_is_in_the_backup_as_a_file_and_goes_back(
    ledger_url: str,
    further_url: Callable[[str], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LEDGER_PASSWORD", str(urlsplit(ledger_url).password))
    monkeypatch.setenv("USER", "tester")
    base = lay_out(tmp_path / "lab").base
    text = (base / "site.toml").read_text()
    (base / "site.toml").write_text(text + declared(ledger_url))
    site = load(base / "site.toml")
    ledger = Ledger(site.ledger_url, keys=site.data / "secrets" / "patients")
    act = Signed(by="anna")
    Lineage(ledger).enrol(token=PATIENT, act=act)
    Lineage(ledger).take("BX-2026-0001", PATIENT, act=act)
    with Database(ledger_url).reading() as connection:
        end = head(connection)

    code, said = typed("backup", str(site.path), "--out", str(tmp_path / "b"), "--json")
    assert code == 0, said
    code, said = typed("restore", json.loads(said)["made"]["path"], "--to", str(tmp_path / "new"))
    assert code == 0, said
    file = tmp_path / "new" / "data" / "ledger.db"
    assert f"culturewatch ledger fill {file}" in said
    # Without any server the chain is seen to hold, up to where the server's stood.
    assert verify_chain(f"sqlite:///{file}", end) is None
    assert typed("verify", str(file.parent))[0] == 0

    fresh = further_url("fresh")
    (tmp_path / "new" / "site.toml").write_text(text + declared(fresh))
    code, said = typed("ledger", "fill", str(file), "--site", str(tmp_path / "new" / "site.toml"))
    assert code == 0, said
    assert verify_chain(fresh, end) is None
    again = load(tmp_path / "new" / "site.toml")
    bank = Bank(Ledger(again.ledger_url, keys=again.data / "secrets" / "patients"))
    assert bank.patient("BX-2026-0001") == PATIENT
    code, said = typed("ledger", "fill", str(file), "--site", str(tmp_path / "new" / "site.toml"))
    assert (code, "holds entries" in said) == (1, True)
