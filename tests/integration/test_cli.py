"""Commands as people type them: batches, records, simulators, and what is refused how."""

import json
import re
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from culturewatch.cli import app
from culturewatch.site import Site
from tests.integration.laboratory import (
    DEVICES,
    core,
    heard,
    lay_out,
    program,
    rooms,
    until,
)

BATCH = "B-2026-0001"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("USER", "tester")
    return lay_out(tmp_path)


def typed(*words: str) -> tuple[int, str]:
    """Exit code of a command, and all that it printed."""
    done = CliRunner().invoke(app, words)
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, done.output


@pytest.mark.slow
async def test_a_batch_is_opened_placed_recorded_and_verified(site: Site) -> None:
    async with rooms(site):
        with core(site) as running:
            await until(lambda: heard(site) == DEVICES, why=lambda: running.said)
            assert typed("batch", "open", BATCH, "--product", "Fibroblasts") == (
                0,
                f"{BATCH} is open: Fibroblasts\n",
            )
            assert typed("batch", "place", BATCH, "inc1", "--position", "shelf 1")[0] == 0
            began = len((site.base / "core.log").read_text())
            await until(lambda: _shown(BATCH), why=lambda: running.said[began:])
            assert typed("batch", "move", BATCH, "inc2") == (0, f"{BATCH} is in inc2\n")
            assert typed("batch", "close", BATCH) == (0, f"{BATCH} is closed\n")
            code, said = typed("record", BATCH, "--out", "record")
            assert (code, said.count("\n")) == (0, 1)
            running.ask_to_end()
            assert await running.ended() == 0
    assert typed("batch", "list") == (0, f"{BATCH}  closed  Fibroblasts\n")
    stays = json.loads(typed("batch", "list", "--json")[1])[0]["stays"]
    assert [stay["device"] for stay in stays] == ["inc1", "inc2"]

    for words in (["verify", "record"], ["verify", "data"], ["verify", "record", "--data", "data"]):
        code, said = typed(*words)
        assert (code, said.splitlines()[-1]) == (0, f"{words[1]}: nothing was changed")
    change_one_byte(site.base / "record" / "readings.csv")
    code, said = typed("verify", "record")
    assert code == 1
    assert "WRONG  readings.csv: was changed" in said
    assert said.splitlines()[-1] == "record: NOT as it was written"


def _shown(batch: str) -> bool:
    view = json.loads(typed("status", "--json")[1])
    return [batch] in [device["batches"] for device in view["devices"]]


def change_one_byte(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 1
    path.write_bytes(whole)


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        pytest.param(
            "batch open B-1 --product x",
            1,
            "'B-1' is not a batch id; write a prefix, the year and a number: B-2026-0001",
            id="no batch id",
        ),
        pytest.param(
            f"batch open {BATCH} --product x --at yesterday",
            2,
            "--at yesterday: write 2026-01-05T08:00 or with an offset",
            id="no time",
        ),
        pytest.param(
            f"batch open {BATCH} --product x --at 0001-01-01T00:00+14:00", 2, "0001", id="long ago"
        ),
        pytest.param(
            f"batch place {BATCH} inc9",
            1,
            "'inc9' is not a device of this site; known: co2probe, inc1, inc2, ln2a, rhprobe, room",
            id="unknown device",
        ),
        pytest.param(
            f"batch place {BATCH} inc1",
            1,
            f"{BATCH}: is not a batch of this ledger; open it first",
            id="unknown batch",
        ),
        pytest.param(
            f"record {BATCH} --out record",
            1,
            "data/alarms.db: there is no alarm store yet; is the core running?",
            id="no data",
        ),
        pytest.param(
            f"batch open {BATCH} --product x --reason r --at 2026-03-29T02:30",
            2,
            "the clocks of Europe/Vienna change then, so that this time comes twice or never",
            id="time that never came",
        ),
        pytest.param(
            f"batch open {BATCH} --product x --reason r --at 2025-10-26T02:30",
            2,
            "write it with its offset, like 2025-10-26T02:30:00+02:00",
            id="time that came twice",
        ),
        pytest.param(
            f"record {BATCH} --out record --by \udcff",
            2,
            r"--by '\udcff': holds characters that cannot be shown or kept",
            id="name that cannot be kept",
        ),
        pytest.param(
            "batch list --site other.toml",
            2,
            "other.toml: cannot be read: No such file or directory",
            id="no site",
        ),
    ],
)
@pytest.mark.usefixtures("site")
def test_what_is_refused_is_one_line(words: str, code: int, told: str) -> None:
    ended, said = typed(*words.split())
    assert ended == code
    assert said.startswith("culturewatch: ")
    assert told in said
    assert said.count("\n") == 1


@pytest.mark.usefixtures("site")
def test_a_time_of_the_hour_that_came_twice_is_taken_with_its_offset() -> None:
    words = f"batch open {BATCH} --product x --reason r --at 2025-10-26T02:30:00+01:00"
    assert typed(*words.split())[0] == 0


@pytest.mark.usefixtures("site")
def test_an_account_without_a_name_must_say_who_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 54321")

    monkeypatch.setattr("getpass.getuser", nameless)
    code, said = typed("batch", "open", BATCH, "--product", "x")
    assert (code, said.count("\n")) == (2, 1)
    assert "say who did it with --by" in said
    assert typed("batch", "open", BATCH, "--product", "x", "--by", "anna")[0] == 0


@pytest.mark.usefixtures("site")
def test_a_stay_that_is_over_is_entered_beside_the_one_that_goes_on() -> None:
    assert (
        typed(*f"batch open {BATCH} --product x --at 2026-01-05T08:00 --reason r".split())[0] == 0
    )
    assert typed(*f"batch place {BATCH} inc2 --at 2026-01-07T08:00 --reason r".split())[0] == 0
    late = "--at 2026-01-05T09:00 --until 2026-01-06T09:00 --reason forgotten"
    assert typed(*f"batch place {BATCH} inc1 {late}".split()) == (0, f"{BATCH} was in inc1\n")
    stays = json.loads(typed("batch", "list", "--json")[1])[0]["stays"]
    assert [stay["device"] for stay in stays] == ["inc1", "inc2"]
    assert stays[0]["end"] - stays[0]["start"] == 24 * 3_600_000


def test_a_status_without_a_core_says_so(site: Site) -> None:
    code, said = typed("status", str(site.path))
    assert code == 1
    assert "CORE DOES NOT RUN" in said
    code, said = typed("status", str(site.path), "--json")
    assert code == 1
    assert json.loads(said)["core_alive"] is False


@pytest.mark.parametrize("options", [["nothing"], ["data", "--data", "nothing"], ["site.toml"]])
def test_what_is_no_folder_was_not_changed_but_named_wrongly(
    site: Site, options: list[str]
) -> None:
    site.data.mkdir()
    code, said = typed("verify", *options)
    assert code == 2
    assert "as it was written" not in said


@pytest.mark.parametrize("options", [["--story", "soon"], ["--story", "-5s"]])
def test_a_span_that_is_none_is_wrong_use(site: Site, options: list[str]) -> None:
    code, said = typed("simulate", str(site.path), *options)
    assert code == 2
    assert "is not a span of time" in said


def test_a_site_beyond_loopback_is_not_simulated(site: Site) -> None:
    text = site.path.read_text()
    site.path.write_text(text.replace('host = "127.0.0.1"', 'host = "192.0.2.1"', 1))
    code, said = typed("simulate", "site.toml")
    assert code == 2
    assert said == (
        "culturewatch: site.toml: endpoint one is at 192.0.2.1; simulators serve on loopback only "
        "(127.0.0.1)\n"
    )


async def test_a_port_that_is_taken_is_told_in_one_line(site: Site) -> None:
    port = site.file.endpoint[0].port
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with program("simulate", site.path, log=site.base / "simulate.log") as simulating:
            assert await simulating.ended() == 1
    assert simulating.said == (
        f"culturewatch: 127.0.0.1:{port}: no simulated device can listen here; is another "
        "simulator running? Stop it or choose another port\n"
    )


@pytest.mark.parametrize("signs", ["ascii", "latin-1"])
async def test_a_terminal_with_few_signs_gets_no_traceback(
    site: Site, signs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", signs)
    with program("status", site.path, log=site.base / "status.log") as status:
        assert await status.ended() == 1
    assert "Traceback" not in status.said
    assert re.search(r"\? +never heard", status.said)


async def test_simulators_of_a_site_end_when_asked_to(site: Site) -> None:
    with program("simulate", site.path, log=site.base / "simulate.log") as simulating:
        await until(
            lambda: "the simulated devices answer" in simulating.said, why=lambda: simulating.said
        )
        simulating.ask_to_end()
        assert await simulating.ended() == 0
    assert "Traceback" not in simulating.said
