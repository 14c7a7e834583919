"""Every check and test, in the order in which they fail soonest: for people and for CI alike.

``make test`` runs it. What a real service needs is looked for first, and what is missing is said
loudly; with CULTUREWATCH_REQUIRE_SERVICES=1 (as in CI) a missing one fails.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

BIN = Path(sys.executable).parent
ORDERS = "tests/unit/alerts/engine/test_order.py"
LEDGERS = "tests/integration/postgres"
CHECKS: tuple[tuple[str, Sequence[str]], ...] = (
    ("formatting", (f"{BIN}/ruff", "format", "--check", "--quiet", ".")),
    ("style", (f"{BIN}/ruff", "check", "--quiet", ".")),
    ("layers", (f"{BIN}/lint-imports",)),
    ("types", (f"{BIN}/mypy",)),
    (
        "compose file",
        (
            f"{BIN}/check-jsonschema",
            "--builtin-schema",
            "vendor.compose-spec",
            "docker-compose.yml",
        ),
    ),
    ("documents", (f"{BIN}/mkdocs", "build", "--strict", "--quiet")),
    ("the example site", (f"{BIN}/culturewatch", "check", "examples/site.toml", "--json")),
    (
        "unit tests",
        (
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-n",
            "2",
            "-m",
            "not slow and not long",
            "tests/unit",
        ),
    ),
    (
        "unit tests of many cases",
        (sys.executable, "-m", "pytest", "-q", "-n", "2", "-m", "long", "tests/unit"),
    ),
    (
        "ten thousand orders of entries",
        (sys.executable, "-m", "pytest", "-q", "-n", "2", "-m", "slow", ORDERS),
    ),
    ("tests in a browser", (sys.executable, "-m", "pytest", "-q", "tests/browser")),
    (
        "what the documents tell people to type",
        (sys.executable, "-m", "pytest", "-q", "-n", "2", "tests/documents"),
    ),
    ("tests against PostgreSQL", (sys.executable, "-m", "pytest", "-q", "-n", "2", LEDGERS)),
    (
        "tests against real services",
        (sys.executable, "-m", "pytest", "-q", "tests/integration", f"--ignore={LEDGERS}"),
    ),
    ("the demonstration", (f"{BIN}/culturewatch", "demo", "--for", "45s")),
)
QUIET = frozenset({"layers", "compose file", "the example site"})


def main() -> int:
    """Run all of them; 0 when nothing failed."""
    _name_services()
    failed = [name for name, command in CHECKS if not _passes(name, command)]
    sys.stdout.write(f"\n{'FAILED: ' + ', '.join(failed) if failed else 'all checks passed'}\n")
    return 1 if failed else 0


def _passes(name: str, command: Sequence[str]) -> bool:
    sys.stdout.write(f"\n== {name}\n")
    sys.stdout.flush()
    began_s = time.monotonic()
    quiet = name in QUIET
    done = subprocess.run(command, check=False, capture_output=quiet, text=True)  # noqa: S603 # the table above
    if quiet and done.returncode:
        sys.stdout.write(done.stdout + done.stderr)
    took_s = time.monotonic() - began_s
    sys.stdout.write(f"{'ok' if done.returncode == 0 else 'FAILED'}, {took_s:.0f} s\n")
    return done.returncode == 0


def _name_services() -> None:
    path = os.environ.get("PATH", "") + os.pathsep + "/usr/sbin"
    for name in ("mosquitto", "chromium", "pdftotext", "softhsm2-util"):
        if shutil.which(name, path=path) is None:
            sys.stdout.write(f"! {name} is not installed: its tests are SKIPPED\n")
    if shutil.which("initdb") is None and not [*Path("/usr/lib/postgresql").glob("*/bin/initdb")]:
        sys.stdout.write("! postgresql is not installed: its tests are SKIPPED\n")
    known = os.environ.get("CULTUREWATCH_INFLUXD") or os.environ.get("CULTUREWATCH_INFLUX_URL")
    cached = Path("~/.cache/culturewatch").expanduser().glob("influxdb-*/influxd")
    if not known and not any(cached):
        sys.stdout.write("! no InfluxDB 2.7 (run tools/influxdb/build): its tests are SKIPPED\n")


if __name__ == "__main__":
    sys.exit(main())
