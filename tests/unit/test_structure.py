"""What import-linter cannot hold: one door for each client, and names of our own."""

import ast
import re
from collections.abc import Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from collector.frame import IDENTIFY, MEI_IDENTIFY, READ, introduction
from devices import catalog
from devices.line_codec import LineCodec

ROOT = Path(__file__).parents[2]
PACKAGES = (
    *("alerts", "batches", "collector", "console", "culturewatch", "devices", "simulators"),
    "storage",
)
CLIENTS = (
    *("aiomqtt", "aiosmtplib", "amqtt", "apprise", "argon2", "babel", "barcode", "cryptography"),
    *("grafana_client", "httpx"),
    *("icalendar", "influxdb_client", "itsdangerous", "jinja2", "matplotlib", "paho", "ppf"),
    *("prometheus_client", "pyarrow", "pyhanko", "pymodbus", "recurring_ical_events"),
    *("typst", "uvicorn"),
)


@cache
def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_a_client_has_one_door_in_a_package(package: str) -> None:
    doors: dict[str, list[str]] = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        for client in imported(path) & set(CLIENTS):
            doors.setdefault(client, []).append(path.name)
    assert {client: files for client, files in doors.items() if len(files) > 1} == {}


def test_the_doors_are_really_found() -> None:
    assert "pymodbus" in imported(ROOT / "simulators" / "modbus.py")
    assert "httpx" in imported(ROOT / "storage" / "endpoint.py")
    assert "pyarrow" in imported(ROOT / "storage" / "archive" / "parquet.py")


@cache
def distributions() -> Mapping[str, list[str]]:
    """Which distributions bring a package of a name."""
    return packages_distributions()


@pytest.mark.parametrize("package", PACKAGES)
def test_no_other_distribution_brings_a_package_of_this_name(package: str) -> None:
    assert set(distributions().get(package, ["culturewatch"])) == {"culturewatch"}


@pytest.mark.parametrize("package", PACKAGES)
def test_nothing_is_built_in_a_package_file(package: str) -> None:
    for path in (ROOT / package).rglob("__init__.py"):
        assert path.read_text(encoding="utf-8") == ""


def survives_everything(path: Path) -> bool:
    return any(
        isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) == "Exception")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    )


SIREN = "alerts/notify/siren.py"
WRITES = re.compile(
    # Of pymodbus and of the specification's words, and the value that only a coil is written with.
    r"write_(coil|register|file_record)|mask_write|readwrite_multiple|WriteSingle|WriteMultiple"
    r"|WRITE_(SINGLE|MULTIPLE)|0x[fF]{2}00\b"
)
_FRAMES = re.compile(r'Struct\(">HHHB|pack\(">HHHB')


def products() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def test_one_file_writes_to_hardware_and_only_single_coils() -> None:
    found = {
        path.relative_to(ROOT).as_posix(): sorted({match[0] for match in WRITES.finditer(text)})
        for path in products()
        if (text := path.read_text(encoding="utf-8")) and WRITES.search(text)
    }
    assert found == {SIREN: ["0xFF00", "WRITE_SINGLE"]}


def test_who_makes_modbus_frames_is_known_and_the_collector_asks_only_to_read() -> None:
    makers = [
        path.relative_to(ROOT).as_posix()
        for path in products()
        if _FRAMES.search(path.read_text(encoding="utf-8"))
    ]
    assert makers == [SIREN, "collector/frame.py"]
    # Modbus Application Protocol 1.1b3, 6.1 to 6.4: all that read bits and registers.
    assert sorted(READ.values()) == [1, 2, 3, 4]
    functions = {
        ast.unparse(node.args[1])
        for path in sorted((ROOT / "collector").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Request"
    }
    assert functions == {"READ[table]"}
    # 6.21: Read Device Identification is MEI type 14; type 13, CANopen, might write.
    assert introduction(1, 0) == bytes.fromhex("2B0E0100")
    assert (IDENTIFY, MEI_IDENTIFY) == (0x2B, 0x0E)


def called(path: Path) -> list[str]:
    """All calls in a file, as they are written."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]


def test_what_is_put_on_a_wire_to_a_device_is_a_read_or_a_question() -> None:
    """Each place from which bytes leave for a device, and what it sends there."""
    leaving = re.compile(r"(^|\.)(write|writelines|send|sendall|sendto|put_nowait)$")
    found = {
        path.name: sorted({call for call in called(path) if leaving.search(call)})
        for path in sorted((ROOT / "collector").glob("*.py"))
        if not path.name.startswith("mqtt")
        if any(leaving.search(call) for call in called(path))
    }
    assert found == {
        "connection.py": ["self._transport.write"],
        "half_duplex.py": ["self._transport.write"],
        "tty.py": ["os.write"],
    }
    spelt = {
        path.name
        for path in (ROOT / "collector").glob("*.py")
        if re.search(r"def _spell\(", path.read_text(encoding="utf-8"))
    }
    # What half_duplex.py sends is spelt by these: a read of Modbus, or a question of a profile,
    # which devices/question.py has let through when it was loaded.
    assert spelt == {"half_duplex.py", "serial_connection.py", "text_connection.py"}
    # And HTTP gets; it has no other verb.
    verbs = [call for call in called(ROOT / "collector" / "http.py") if "_client." in call]
    assert verbs == ["self._client.stream"]
    assert 'self._client.stream("GET", url)' in (ROOT / "collector" / "http.py").read_text()


def test_every_shipped_profile_only_asks() -> None:
    """The lines of all shipped profiles, read through once by hand."""
    asked = {
        question
        for path in (ROOT / "devices" / "profiles").glob("*.toml")
        if (profile := catalog.load(path)).line is not None
        for question in LineCodec(profile).questions
    }
    assert asked == {
        *("TEMPA?", "FILL?", "FILAS?", "LEVEL", "UNIT", "LEVel?", "UNITs?", "MEAS? 1", "FILL? 1"),
    }


@pytest.mark.parametrize(("client", "door"), [("termios", "tty.py"), ("httpx", "http.py")])
def test_a_port_and_a_page_have_one_door_in_the_collector(client: str, door: str) -> None:
    doors = [path.name for path in (ROOT / "collector").glob("*.py") if client in imported(path)]
    assert doors == [door]


def test_only_what_sounds_knows_the_siren() -> None:
    users = [
        path.relative_to(ROOT).as_posix()
        for path in products()
        if "alerts.notify.siren" in path.read_text(encoding="utf-8")
    ]
    assert users == ["culturewatch/sirens.py"]


def test_there_is_one_place_that_survives_the_unexpected() -> None:
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    places = [path.relative_to(ROOT).as_posix() for path in files if survives_everything(path)]
    assert places == ["collector/supervise.py"]


TURNED_OFF = re.compile(
    r"# (?:noqa|type: ignore|pragma)\b(?:: [A-Z0-9, ]+[0-9]|\[[a-z, -]+\])?(.*)"
)


def unexplained(text: str) -> list[int]:
    """Lines that turn a check off and do not say why: there, above, or at the first of a group."""
    found: list[int] = []
    before, explained = "", False
    for number, line in enumerate(text.splitlines(), start=1):
        off = TURNED_OFF.search(line)
        if off is None:
            # A group is lines that follow one another; an import may have some without a mark.
            explained = explained and line.lstrip().startswith(("from ", "import "))
        else:
            above = before.lstrip().startswith("#")
            explained = explained or above or re.match(r"\s*(#|-) *\w", off[1]) is not None
            if not explained:
                found.append(number)
        before = line
    return found


def test_whoever_turns_a_check_off_says_why() -> None:
    folders = (*PACKAGES, "bench", "tests", "tools")
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    found = {
        path.relative_to(ROOT).as_posix(): lines
        for path in paths
        if (lines := unexplained(path.read_text(encoding="utf-8")))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("x = 1  # {}: E501\n", [1]),
        ("x = 1  # {}: E501 # long on purpose\n", []),
        ("# Long on purpose.\nx = 1  # {}: E501\n", []),
        ("x = 1  # {}: E501 # why\ny = 2  # {}: E501\nz = 3\nz = 4  # {}: E501\n", [4]),
    ],
)
def test_a_check_turned_off_without_a_reason_is_found(text: str, lines: list[int]) -> None:
    assert unexplained(text.format(*["noqa"] * 3)) == lines
