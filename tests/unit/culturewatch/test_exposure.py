"""``culturewatch exposure``, on the worked cases: what it prints, and how it exits."""

import json
import sys
from pathlib import Path
from subprocess import run
from typing import Any

import pytest
from typer.testing import CliRunner

from culturewatch.cli import app

DIP = [37.0, 37.0, 36.4, 35.8, 36.0, 36.3, 36.6, 36.9, 37.0, 37.0, 37.0]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "readings.csv"


def write(path: Path, values: list[float], *, without: int | None = None) -> None:
    rows = [f"{60 * n},{value}" for n, value in enumerate(values) if n != without]
    path.write_text("\n".join(["time,value", *rows]))


def typed(path: Path, words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["exposure", str(path), *words.split()])
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, done.stdout, done.stderr


def answer(path: Path, words: str = "") -> tuple[int, dict[str, Any]]:
    code, said, _ = typed(path, f"{words} --json")
    return code, json.loads(said)


def test_the_worked_excursion_is_out(path: Path) -> None:
    write(path, DIP)
    code, found = answer(path, "--low 36.5 --high 38 --delay 3m")
    assert (code, found["verdict"], found["coverage"]) == (1, "out", 100.0)
    assert (found["min"], found["max"], found["out_s"], found["in_s"]) == (35.8, 37.0, 240, 420)
    # 403.0 / 11
    assert found["mean"] == pytest.approx(36.636363636)
    (excursion,) = found["excursions"]
    assert (excursion["start"], excursion["end"], excursion["raised"]) == (120, 360, 300)
    assert (excursion["worst"], excursion["area"]) == (35.8, 90.0)
    assert excursion["line"] == {"start": 110, "end": 340, "duration_s": 230, "area": 85.5}


def test_within_its_delay_it_is_told_and_allowed(path: Path) -> None:
    write(path, DIP)
    code, found = answer(path, "--low 36.5 --high 38 --delay 5m")
    assert (code, found["verdict"], found["excursions"]) == (0, "in", [])
    assert [(e["start"], e["raised"]) for e in found["brief"]] == [(120, None)]


def test_a_gap_is_not_in_and_not_out(path: Path) -> None:
    write(path, [37.0] * 11, without=4)
    code, found = answer(path, "--low 36.5 --high 38")
    assert (code, found["verdict"], found["unknown_s"]) == (1, "unknown", 60)
    # 600 of 660 s.
    assert found["coverage"] == pytest.approx(90.909090909)
    assert found["gaps"] == [{"start": 240, "end": 300, "duration_s": 60}]


@pytest.mark.parametrize(
    ("text", "mkt", "mean"),
    [
        pytest.param("time,value\n0,20\n1,30\n", 26.259887, 25.0, id="mkt2"),
        pytest.param("time,value\n0,15\n1,20\n2,25\n3,30\n", 24.104053, 22.5, id="mkt3"),
        pytest.param(
            "time,value,duration_s\n0,5,82800\n82800,15,3600\n", 5.763546, 5.416667, id="mkt5"
        ),
        pytest.param(
            "time,value,duration_s\n0,5,72000\n72000,15,14400\n", 7.704628, 6.666667, id="mkt6"
        ),
    ],
)
def test_the_kinetic_mean_is_that_of_the_worked_case(
    path: Path, text: str, mkt: float, mean: float
) -> None:
    path.write_text(text)
    code, found = answer(path)
    assert (code, found["verdict"], found["coverage"]) == (0, None, 100.0)
    assert found["mkt"] == pytest.approx(mkt, abs=1e-6)
    assert found["mean"] == pytest.approx(mean, abs=1e-6)


def test_of_a_constant_every_mean_is_that_constant_mkt1(path: Path) -> None:
    write(path, [25.0] * 10)
    found = answer(path)[1]
    assert (found["min"], found["mean"], found["mkt"], found["max"]) == (25.0, 25.0, 25.0, 25.0)


def test_so_cold_the_kinetic_mean_only_informs_mkt9(path: Path) -> None:
    path.write_text("time,value,duration_s\n0,-190,82800\n82800,-130,3600\n")
    found = answer(path)[1]
    assert found["mean"] == -187.5
    assert found["mkt"] == pytest.approx(-136.229059, abs=1e-6)
    assert found["mkt_only_informs"] is True


@pytest.mark.parametrize(
    ("delta_h", "mkt"), [(42, 25.618762), (60, 25.907469), (100, 26.500549), (125, 26.829923)]
)
def test_another_activation_energy_is_taken_mkt11(path: Path, delta_h: int, mkt: float) -> None:
    write(path, [20.0, 30.0])
    assert answer(path, f"--delta-h {delta_h}")[1]["mkt"] == pytest.approx(mkt, abs=1e-6)


def test_times_are_shown_as_the_file_writes_them(path: Path) -> None:
    path.write_text("time;value\n2026-01-05T08:00:00+01:00;37,0\n2026-01-05T08:01:00+01:00;39,0\n")
    (excursion,) = answer(path, "--high 38")[1]["excursions"]
    assert excursion["start"] == "2026-01-05T07:01:00.000Z"
    assert excursion["line"]["start"] == "2026-01-05T07:00:30.000Z"


def test_times_without_an_offset_are_not_given_one(path: Path) -> None:
    path.write_text("time,value\n2026-01-05T08:00:00,37\n2026-01-05T08:01:00,39\n")
    (excursion,) = answer(path, "--high 38")[1]["excursions"]
    assert excursion["start"] == "2026-01-05T08:01:00.000"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("38.0004", "--high 38"),
        ("38.0000001", "--high 38"),
        ("36.4996", "--low 36.5"),
        ("37.3", "--high 37.2999"),
    ],
)
def test_what_is_beyond_a_limit_by_a_hair_is_out(path: Path, value: str, words: str) -> None:
    path.write_text(f"time,value\n0,37\n60,{value}\n120,37\n")
    code, found = answer(path, words.replace("--low 36.5", "--low 36.5 --high 38"))
    assert (code, found["verdict"], found["out_s"]) == (1, "out", 60)
    assert found["excursions"][0]["worst"] == float(value)


def test_what_is_exactly_on_a_limit_is_in(path: Path) -> None:
    write(path, [36.5, 38.0, 37.3])
    assert answer(path, "--low 36.5 --high 38")[1]["verdict"] == "in"
    write(path, [37.3, 37.3])
    assert answer(path, "--low 37.3 --high 37.3")[1]["verdict"] == "in"


def test_beyond_one_limit_and_at_once_beyond_the_other_is_one_time_out_of_limits(
    path: Path,
) -> None:
    write(path, [37.0, 39.0, 36.0, 37.0])
    code, found = answer(path, "--low 36.5 --high 38 --delay 100s")
    assert (code, found["verdict"]) == (1, "out")
    assert [(e["side"], e["standing"]) for e in found["excursions"]] == [
        ("high", "longer than allowed"),
        ("low", "longer than allowed"),
    ]
    assert answer(path, "--low 36.5 --high 38 --delay 120s")[1]["verdict"] == "in"


@pytest.mark.parametrize("row", ["60,45,0", "30,37,30\n60,45,0\n60.5,37,30"])
def test_what_is_out_of_limits_for_no_time_is_not_overlooked(path: Path, row: str) -> None:
    path.write_text(f"time,value,duration_s\n0,37,60\n{row}\n")
    code, said, told = typed(path, "--high 38 --json")
    assert (code, said) == (2, "")
    assert "45 is out of limits for no time at all; give its duration_s" in told
    assert answer(path)[0] == 0


def test_a_delay_of_no_time_allows_nothing(path: Path) -> None:
    write(path, DIP)
    assert answer(path, "--low 36.5 --delay 0s") == answer(path, "--low 36.5")


def test_coverage_is_never_rounded_up_for_a_person(path: Path) -> None:
    write(path, [37.0] * 2001, without=7)
    assert "coverage            99.95 %" in typed(path, "")[1]
    path.write_text("time,value,duration_s\n0,37,1000000\n1000001,37,1000000\n")
    code, found = answer(path, "--high 38")
    assert (code, found["verdict"], found["coverage"] < 100) == (1, "unknown", True)
    assert "coverage            99.99 %" in typed(path, "--high 38")[1]


def test_a_person_reads_a_table(path: Path) -> None:
    write(path, DIP, without=4)
    code, said, _ = typed(path, "--low 36.5")
    assert code == 1
    lines = said.splitlines()
    assert "coverage            90.90 %" in said
    assert any(line.split()[:4] == ["120.0", "240.0", "2m", "low"] for line in lines)
    assert lines[-1] == "out: at some time out of limits for longer than allowed"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--low 39 --high 38", "--low 39 lies above --high 38"),
        ("--low nan", "a limit is a number of degC"),
        ("--delta-h 0", "an activation energy is above 0"),
        ("--period 0s", "no time at all"),
        ("--delay soon", "is not a span of time"),
    ],
)
def test_wrong_use_exits_with_2(path: Path, words: str, said: str) -> None:
    write(path, DIP)
    code, _, told = typed(path, words)
    assert code == 2
    assert said in told


def test_a_bad_file_is_one_line_and_exits_with_2(path: Path) -> None:
    path.write_text("time,value\n0,37\n60,NaN\n")
    code, said, told = typed(path, "--json")
    assert (code, said) == (2, "")
    assert told == (
        f"culturewatch: {path}:3: value 'NaN' is no temperature in degC; leave it empty where "
        "nothing was measured\n"
    )


@pytest.mark.long
def test_a_long_file_is_not_kept_in_memory(path: Path) -> None:
    # Kept as numbers alone, 400,000 readings would take 20 MB; as a list of rows, 60.
    with path.open("w") as file:
        file.write("time,value\n")
        file.writelines(f"{10 * n},{37 + n % 7 / 100}\n" for n in range(400_000))
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from culturewatch.exposure_report import Asked, report\n"
        "short, long = map(Path, sys.argv[1:])\n"
        "report(short, Asked())\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "assert report(long, Asked()).readings == 400_000\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    short = path.with_name("short.csv")
    write(short, DIP)
    words = [sys.executable, "-c", code, str(short), str(path)]
    grown_kb = int(run(words, check=True, capture_output=True, text=True).stdout)  # noqa: S603 # our own
    assert grown_kb < 4_000
