"""Shipments as people type them, from one site's folder into another's."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from culturewatch.cli import app
from tests.integration.laboratory import lay_out

pytestmark = pytest.mark.long

PATIENT = "PT-7F3K9M2Q"
B = "B-2026-0001"
V1, V2 = f"{B}-V001", f"{B}-V002"


@pytest.fixture(autouse=True)
def north(
    tmp_path: Path,
    served: str,
    further_url: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """Two vials in ln2a of one site; another site beside it."""
    monkeypatch.setenv("COLUMNS", "200")
    for name, url in (("north", served), ("south", served and further_url("south"))):
        (tmp_path / name).mkdir()
        lay_out(tmp_path / name, url)
        site = tmp_path / name / "site.toml"
        site.write_text(re.sub(r'(?m)^id = ".*?"', f'id = "{name}"', site.read_text(), count=1))
    monkeypatch.chdir(tmp_path / "north")
    good(f"patient enrol {PATIENT} --by anna")
    good(f"patient biopsy {PATIENT} BX-2026-0001 --by anna")
    good(f"batch open {B} --product Fibroblasts --biopsy BX-2026-0001 --by anna")
    good(f"vial freeze {B} --in ln2a --rack R1 --box B1 --slots 1-2 --by anna")
    return tmp_path / "north"


def typed(words: str) -> tuple[int, list[str]]:
    done = CliRunner().invoke(app, words.split())
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, done.output.splitlines()


def good(words: str) -> list[str]:
    code, said = typed(words)
    assert code == 0, said
    return said


def test_a_bank_is_sent_and_taken_in_again_in_bulk() -> None:
    sent = "vial ship --in ln2a --to annex --carrier Kurier --shipper-id DS7 --by anna"
    assert good(sent) == ["SH-north-0001: 2 vials on the way to annex"]
    assert good("vial list --in ln2a") == ["0 vials"]
    assert good(f"vial show {V1}")[-1].endswith(f"{V1} on the way, SH-north-0001")
    code, (said,) = typed(
        "vial receive SH-north-0001 --in ln2a --as-before --condition frozen --by anna"
    )
    assert code == 1
    assert "another person does" in said
    assert good("vial receive SH-north-0001 --in ln2a --as-before --condition frozen --by ben") == [
        f"{V1} is in ln2a R1/B1/1",
        f"{V2} is in ln2a R1/B1/2",
    ]
    chain = good(f"vial custody {V1}")
    assert [line.split("  ")[1] for line in chain] == [
        *("freeze", "place", "leave", "dispatch", "arrive", "place")
    ]
    assert "anna -> Kurier, DS7 to annex" in chain[3]
    assert "Kurier, DS7 -> ben  received: frozen" in chain[4]
    shown = json.loads(good("vial shipment SH-north-0001 --json")[0])
    assert {each["outcome"] for each in shown["journeys"]} == {"received"}


def test_one_thing_is_said_of_what_is_sent() -> None:
    end = "--to annex --carrier K --shipper-id D --by anna"
    assert typed(f"vial ship {end}")[0] == 2
    assert typed(f"vial ship {V1} --in ln2a {end}")[0] == 2
    good(f"vial ship {V1} {end}")
    slots = "vial receive SH-north-0001 --in ln2a --rack R --box B --condition x --by ben"
    assert typed(f"{slots} --slots 1-2")[0] == 2
    assert typed("vial manifest SH-north-0001 --out m.json")[0] == 1


def test_lost_refused_and_delivered_are_said_of_some_or_all() -> None:
    good("vial ship --in ln2a --to south --carrier K --shipper-id D --by anna")
    assert typed("vial lost SH-north-0001 --by anna")[0] == 1
    assert good(f"vial lost SH-north-0001 {V1} --reason vanished --by anna") == [
        "SH-north-0001: 1 vial on the way still; what was lost has ended"
    ]
    assert good(f"vial refuse SH-north-0001 {V2} --condition warm --reason warm --by ben") == [
        "SH-north-0001: 0 vials on the way still; what was refused is in no store now"
    ]
    good(f"vial ship {V2} --to south --carrier K --shipper-id D --by anna")
    good("vial delivered SH-north-0002 --condition frozen --by ben")
    assert good(f"vial list --batch {B}") == [f"{V1}  P0  lose", f"{V2}  P0  transfer"]


def test_two_sites_pass_a_vial_on_with_what_it_went_through(tmp_path: Path) -> None:
    """By hand: frozen at 10:00, sent at 12:00; from 11:00 the tank was at -140 for half an hour."""
    rows = [f"2025-03-01T{9 + n // 60:02}:{n % 60:02}Z," for n in range(240)]
    warm = ["-140" if 120 <= n < 150 else "-190" for n in range(240)]
    text = "\n".join(("time,T", *(row + value for row, value in zip(rows, warm, strict=True))))
    (tmp_path / "north" / "tank.csv").write_text(text + "\n")
    channel = "temperature_top"
    good(f"import tank.csv --device ln2a --column T={channel} --by anna")
    at = "--reason late --by anna --at 2025-03-01T"
    good(f"batch open C-2026-0001 --product x {at}09:00Z")
    good(f"batch passage C-2026-0001 {at}09:00Z")
    good(f"vial freeze C-2026-0001 --in ln2a --rack R --box B --slots 9 {at}10:00Z")
    vial = "C-2026-0001-V001"
    good(f"vial ship {vial} --to south --carrier K --shipper-id D {at}12:00Z")
    made = good("vial manifest SH-north-0001 --out sent.json --by anna")
    sha256 = made[0].rpartition(" ")[2]
    assert typed("vial manifest SH-north-0001 --out sent.json --by anna")[0] == 1

    south = f"--site {tmp_path}/south/site.toml"
    code, (said,) = typed(f"vial accept sent.json --sha256 {'0' * 64} --by eva {south}")
    assert (code, "not what the other site told" in said) == (1, True)
    came = good(f"vial accept sent.json --sha256 {sha256} --by eva {south}")
    assert came[0] == "SH-north-0001: 1 vial on the way here from north"
    assert came[1] == f"its SHA-256 is {sha256}"
    assert re.fullmatch(r"the ledger of north stood at row \d+, [0-9a-f]{64}", came[2])
    good(
        f"vial receive SH-north-0001 --in ln2a --rack 1 --box 1 --slots 1 --condition frozen "
        f"--reason late --by eva --at 2025-03-01T13:00Z {south}"
    )
    (tmp_path / "north" / "there.csv").write_text("time,T\n2025-03-01T13:00Z,-190\n")
    good(f"import there.csv --period 1m --device ln2a --column T={channel} --by eva {south}")
    found = json.loads(good(f"vial warmth {vial} --json {south}")[0])
    assert [each["above_ms"] for each in found["warmth"]] == [30 * 60_000, 0]
    assert found["carried"][0]["shipment"] == "SH-north-0001"
    # On the way for an hour without a logger, and ever since but for the one minute that was read.
    assert found["warmth"][0]["unknown_ms"] >= 60 * 60_000
    told = [line.split("  ")[1] for line in good(f"vial custody {vial} {south}")]
    assert [what for what in told if what.endswith(("freeze", "dispatch", "arrive"))] == [
        *("north: freeze", "north: dispatch", "arrive")
    ]

    # And back: first the north says that it arrived there.
    late = "--reason late --by"
    good(
        f"vial ship {vial} --to north --carrier K --shipper-id E {late} eva "
        f"--at 2025-03-01T15:00Z {south}"
    )
    good(f"vial manifest SH-south-0001 --out back.json --by eva {south}")
    code, (said,) = typed("vial accept back.json --by ben")
    assert (code, "was not delivered elsewhere" in said) == (1, True)
    good(f"vial delivered SH-north-0001 --condition frozen {late} ben --at 2025-03-01T13:00Z")
    assert good("vial accept back.json --by ben")[0] == (
        "SH-south-0001: 1 vial on the way here from south"
    )
    good(
        "vial receive SH-south-0001 --in ln2a --rack R --box B --slots 9 --condition frozen "
        f"{late} ben --at 2025-03-01T16:00Z"
    )
    assert good(f"vial show {vial}")[-1].endswith("ln2a R/B/9")
    told = [line.split("  ")[1] for line in good(f"vial custody {vial}")]
    assert [what for what in told if what.endswith(("freeze", "dispatch", "arrive"))] == [
        *("freeze", "dispatch", "south: arrive", "arrive", "south: dispatch", "arrive")
    ]
    lines = json.loads(good("audit --area export --json")[0])["lines"]
    assert [(each["by"], each["subject"], each["outcome"]) for each in lines] == [
        ("anna", "SH-north-0001", "begun"),
        ("anna", "SH-north-0001", "1 vials into sent.json"),
        ("anna", "SH-north-0001", "begun"),
        ("anna", "SH-north-0001", "failed"),
    ]
