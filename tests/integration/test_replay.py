"""A real core through edits of its rules and SIGKILL: its history is what its journal gives."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from culturewatch import paths
from culturewatch.site import Site, load
from simulators.scenario import Door
from tests.integration.laboratory import Program, core, history, lay_out, logged, rooms, until
from tests.integration.test_cli import typed


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return lay_out(tmp_path)


def sets(site: Site) -> int:
    return sum(row.transition.what.value == "set" for row in history(site))


async def grown(site: Site, by: int, running: Program) -> None:
    enough = len(logged(site)) + by
    await until(lambda: len(logged(site)) >= enough, why=lambda: running.said)


@pytest.mark.slow
async def test_the_history_is_what_the_journal_gives_and_a_changed_row_is_named(
    site: Site,
) -> None:
    rules = site.rules / "bench.toml"
    text = rules.read_text()
    async with rooms(site) as hardware:
        with core(site) as first:
            await grown(site, 20, first)
            hardware.act(Door(device="inc1", open=True))
            await until(lambda: sets(site) >= 1, why=lambda: first.said)
            first.kill()
        # The second dies before it has committed anything, the third runs with the old rules.
        for name, shown in {
            "second": text.replace('severity = "medium"', 'severity = "high"'),
            "third": text,
        }.items():
            rules.write_text(shown)
            with core(load(site.path), name) as running:
                await grown(site, 1 if name == "second" else 40, running)
                hardware.act(Door(device="inc2", open=name == "third"))
                if name == "third":
                    await until(lambda: sets(site) >= 2, why=lambda: running.said)
                running.kill()
        rules.write_text(text.replace("limit = 1", "limit = 0", 1))
        with core(load(site.path), "fourth") as last:
            await grown(site, 40, last)
            last.ask_to_end()
            assert await last.ended() == 0
    code, said = typed("verify", str(site.data), "--replay")
    assert code == 0, said
    assert f"all {len(history(site))} rows are what the first" in said

    row = next(r.number for r in history(site) if r.transition.what.value == "set")
    with closing(sqlite3.connect(paths.alarms(site.data))) as db:
        db.execute("DROP TRIGGER history_refuses_UPDATE")
        db.execute("UPDATE history SET body = replace(body, 'medium', 'low') WHERE n = ?", (row,))
        db.commit()
    code, said = typed("verify", str(site.data), "--replay")
    assert code == 1
    assert f"row {row} is not what entry" in said
