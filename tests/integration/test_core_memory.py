"""What a core never loads, and what it has in memory while it runs."""

import subprocess
import sys

import psutil

from culturewatch.site import Site
from tests.integration.laboratory import PATIENCE_S, watched

HEAVY = ("typst", "pandas", "pyarrow", "matplotlib", "fastapi", "nicegui", "numpy", "starlette")


def loaded_by(program: str) -> set[str]:
    """The packages that are in memory after ``program`` has run in a process of its own."""
    names = "import sys; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run(  # noqa: S603 # the texts of this file
        [sys.executable, "-c", f"{program}; {names}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    )
    return set(done.stdout.split())


def test_the_core_imports_nothing_that_only_screens_and_records_need() -> None:
    asked = "import sys, uvloop; import culturewatch.cli, culturewatch.core, culturewatch.processes"
    found = loaded_by(asked)
    assert "collector" in found
    assert set(HEAVY) & found == set()


def test_the_process_of_the_core_holds_no_command_line_no_migrations_and_no_ciphers() -> None:
    # As it begins, but for running.
    asked = (
        "import sys, culturewatch.begin, culturewatch.bound;"
        "culturewatch.begin.spare_command_lines(); import culturewatch.core_process"
    )
    found = loaded_by(asked)
    assert "collector" in found
    spared = {"typer", "click", "rich", "pygments", "pydantic", "alembic", "mako", "cryptography"}
    assert {*HEAVY, *spared} & found == set()


async def test_a_running_core_has_none_of_it_in_memory(site: Site) -> None:
    async with watched(site) as (_, running):
        maps = psutil.Process(running.pid).memory_maps()
    mapped = " ".join(one.path for one in maps)
    assert "sqlite" in mapped
    for library in ("pyarrow", "pandas", "matplotlib", "numpy"):
        assert library not in mapped
