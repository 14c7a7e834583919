"""Which configuration may take the place of the one that runs, and what is said of the others."""

import asyncio
from pathlib import Path

import pytest

from culturewatch.reload import Reload, hindrance, next_configuration, read
from culturewatch.site import Site, load
from tests.integration.laboratory import lay_out


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return lay_out(tmp_path)


def edit(site: Site, old: str, new: str) -> None:
    text = site.path.read_text(encoding="utf-8")
    assert old in text
    site.path.write_text(text.replace(old, new, 1), encoding="utf-8")


async def refused(site: Site, added: str) -> list[str]:
    """What is said when the files, with a line ``added``, are read anew and cannot be used."""
    now, asked = read(site.path), Reload()
    said: list[str] = []
    told = asyncio.Event()

    def say(line: str) -> None:
        said.append(line)
        told.set()

    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(next_configuration(now, asked, say), name="reload")
        text = site.path.read_text(encoding="utf-8")
        site.path.write_text(text + added, encoding="utf-8")
        asked.ask("anna")
        await told.wait()
        assert not waiting.done()
        waiting.cancel()
    return said


async def test_a_file_with_a_mistake_is_refused_with_its_place(site: Site) -> None:
    (line,) = await refused(site, "\nnonsense = 1\n")
    assert line.startswith("the configuration was NOT read anew, all goes on as before: ")
    assert "unknown key `nonsense`" in line


async def test_what_cannot_be_kept_for_a_replay_is_refused(site: Site) -> None:
    site.data.mkdir()
    # A folder that cannot be made, as on a disk that is full or read-only.
    (site.data / "configuration").write_text("", encoding="utf-8")
    (line,) = await refused(site, "")
    assert "NOT read anew" in line


async def test_the_next_configuration_says_who_asked(site: Site) -> None:
    now, asked = read(site.path), Reload()
    edit(site, 'name = "Test bench"', 'name = "Bench"')
    asked.ask("anna")
    fresh = await next_configuration(now, asked, pytest.fail)
    assert (fresh.by, fresh.site.file.site.name) == ("anna", "Bench")


@pytest.mark.parametrize(
    ("new", "name"),
    [
        ('id = "other"', "site.id"),
        ('id = "bench"\ndata = "elsewhere"', "site.data, the ledger"),
        ('id = "bench"\nmax_data_gb = 1.0', "site.max_data_gb"),
    ],
)
def test_what_takes_a_restart_is_named(site: Site, new: str, name: str) -> None:
    edit(site, 'id = "bench"', new)
    assert hindrance(site, load(site.path)) == (
        f"{name} changed, which takes a restart of culturewatch run"
    )
    assert hindrance(site, site) == ""
