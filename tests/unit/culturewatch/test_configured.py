"""What a site runs with stands in the audit trail: which value was changed, from what to what."""

import asyncio
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from alerts.configuration import keep as keep_rules
from batches.ledger import Ledger
from batches.trail import Line
from batches.verify import verify
from culturewatch.cli import app
from culturewatch.cli_ledger import server_ledger
from culturewatch.configured import Configured, changes, keep
from culturewatch.parts import rulebook
from culturewatch.site import Site, load
from tests.integration.laboratory import lay_out
from tests.intruder import Intruder, everything
from tests.outage import Outage

pytestmark = pytest.mark.long

PHONE = "+43 1 5550100"


@pytest.fixture
def site(tmp_path: Path, served: str) -> Site:
    made = lay_out(tmp_path, served)
    text = made.path.read_text(encoding="utf-8")
    made.path.write_text(
        text
        + f'\n[[person]]\nid = "zoe"\nchannels = ["inbox"]\naddresses = {{ inbox = "{PHONE}" }}\n'
        '\n[beat]\nurl = "http://127.0.0.1:9/ping/9f86d081"\n',
        encoding="utf-8",
    )
    return load(made.path)


def started(site: Site) -> list[Line]:
    before = len(told(site))
    keep(site, rulebook(site))
    return told(site)[before:]


def told(site: Site) -> list[Line]:
    return list(Ledger(site.ledger_url).trail(area="configuration").lines)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) >= 1
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_first_start_keeps_all_and_the_next_only_what_differs(site: Site) -> None:
    files, everything = started(site)
    assert (files.by, files.old, files.new) == ("culturewatch", None, site.digest)
    assert '"device[inc1].endpoint":"\\"one\\""' in (everything.new or "")
    assert started(site) == []
    edit(site.path, 'name = "Test bench"', 'name = "Bench"\ndefault_rules = []')
    again = load(site.path)
    lines = started(again)
    assert [(line.item, line.outcome, line.old, line.new) for line in lines] == [
        ("files", "start with 2 changed values", site.digest, again.digest),
        ("site.default_rules", "added", None, "[]"),
        ("site.name", "changed", '"Test bench"', '"Bench"'),
    ]
    assert started(again) == []


def test_a_changed_limit_is_named_with_old_and_new(site: Site) -> None:
    started(site)
    rules = min(site.rules.glob("*.toml"))
    found = re.search(r"limit = ([-\d.]+)", rules.read_text(encoding="utf-8"))
    assert found is not None
    edit(rules, found[0], f"limit = {float(found[1]) - 0.1}")
    lines = started(load(site.path))
    limits = [line for line in lines if line.item.endswith(".limit")]
    assert limits
    assert {(line.old, line.new) for line in limits} == {
        (str(float(found[1])), str(float(found[1]) - 0.1))
    }
    assert all(line.item.startswith("rule[") for line in limits)


def test_secrets_and_addresses_are_told_only_to_have_changed(
    site: Site, intruder: Intruder
) -> None:
    started(site)
    edit(site.path, PHONE, "+43 1 5550199")
    edit(site.path, "9f86d081", "60303ae2")
    again = load(site.path)
    lines = started(again)
    assert [line.item for line in lines[1:]] == ["beat.url", "person[zoe].addresses.inbox"]
    for line in lines[1:]:
        assert re.fullmatch(r"\(hidden [0-9a-f]{12}\)", line.old or "")
        assert re.fullmatch(r"\(hidden [0-9a-f]{12}\)", line.new or "")
        assert line.old != line.new
    files = b"".join(path.read_bytes() for path in site.data.glob("ledger.db*"))
    whole = everything(intruder) + files.decode("latin-1")
    for secret in ("5550100", "5550199", "9f86d081", "60303ae2"):
        assert secret not in whole


def test_what_differs_is_by_path_both_ways() -> None:
    assert list(changes({"a": "1", "b": "2"}, {"b": "3", "c": "4"})) == [
        ("a", "1", None),
        ("b", "2", "3"),
        ("c", None, "4"),
    ]


async def test_a_ledger_that_is_away_is_said_once_and_tried_again(
    site: Site, outage: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("culturewatch.configured.AGAIN_S", 0.01)
    outage.begin()
    troubles: list[str] = []
    heard = asyncio.Event()

    def hear(trouble: str) -> None:
        troubles.append(trouble)
        heard.set()

    part = Configured(site, rulebook(site), on_trouble=hear)
    running = asyncio.create_task(part.run(), name="configuration")
    async with asyncio.timeout(20):
        await heard.wait()
        outage.end()
        await running
    assert len(troubles) == 1
    assert "not in the audit trail" in troubles[0]
    assert [line.item for line in told(site)] == ["files", "all values"]


def test_why_it_was_changed_is_said_by_a_person_afterwards(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    started(site)
    monkeypatch.chdir(site.base)
    monkeypatch.setenv("USER", "tester")
    row = told(site)[0].row

    def typed(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["explain", *words])
        return done.exit_code, done.output

    assert typed(str(row)) == (1, f"culturewatch: row {row}: say why; 'explain' needs a reason\n")
    assert typed(str(row), "--reason", "CC-17")[0] == 0
    assert typed("999", "--reason", "CC-17")[0] == 1
    last = told(site)[-1]
    assert (last.by, last.subject, last.reason) == ("tester", f"row {row}", "CC-17")


def test_a_changed_version_of_the_rules_is_located(site: Site) -> None:
    keep_rules(site.data, rulebook(site))
    keep(site, rulebook(site))
    ledger = server_ledger(site)
    assert verify(site.data, ledger=ledger).sound
    (kept,) = (site.data / "configuration").glob("*.json")
    body = bytearray(kept.read_bytes())
    body[len(body) // 2] ^= 1
    kept.write_bytes(body)
    (fault,) = verify(site.data, ledger=ledger).faults
    assert (fault.where, fault.what) == (f"configuration/{kept.name}", "was changed")
