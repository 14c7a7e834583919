"""What the doctor says of backups."""

from pathlib import Path

import pytest

from culturewatch.doctor.backups import backups
from culturewatch.site import Site
from storage.backup import last
from tests.integration.laboratory import lay_out

START = 1_767_596_400_000
HOUR = 3_600_000
DAY = 24 * HOUR


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = lay_out(tmp_path)
    made.data.mkdir()
    return made


def told(site: Site, now: int) -> list[tuple[str, bool]]:
    return [(finding.what, finding.is_danger) for finding in backups(site, now)]


def test_a_site_that_never_ran_needs_none(tmp_path: Path) -> None:
    assert told(lay_out(tmp_path), START) == []


def test_none_at_all_is_a_danger_after_a_day_and_a_quarter(site: Site) -> None:
    never = "no backup of this site was ever made"
    assert told(site, START) == [(never, False)]
    last.begin(site.data, START)
    assert told(site, START + 30 * HOUR) == [(never, False)]
    assert told(site, START + 30 * HOUR + 1) == [(never, True)]


def test_what_is_late_failed_or_unread_is_a_danger(site: Site) -> None:
    last.made(site.data, Path("/b/1"), START, "")
    last.checked(site.data, START, "")
    assert told(site, START + HOUR) == []
    last.failed(site.data, START + DAY, "no room")
    assert told(site, START + DAY) == [("the last backup is not as it should be: no room", True)]
    late, _, unread = told(site, START + 9 * DAY)
    assert late == ("the last good backup, /b/1, is 9d old", True)
    assert unread == ("no backup was read back for 9d", True)
