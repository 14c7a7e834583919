"""What the doctor says of the console's certificate."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from console.certificate import expires
from culturewatch.doctor.certificate import certificate
from culturewatch.site import Site
from culturewatch.site_file import ConsoleTls
from tests.integration.certificates import Authority
from tests.integration.laboratory import lay_out

DAY_MS = 86_400_000


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return lay_out(tmp_path)


def with_tls(site: Site, folder: Path) -> Site:  # the fixture
    authority = Authority(folder)
    found, key = authority.issue("lab", host="127.0.0.1")
    key.chmod(0o600)
    tls = ConsoleTls(certificate=str(found), key=str(key))
    console = replace(site.file.console, tls=tls)
    return replace(site, file=replace(site.file, console=console))


@pytest.mark.parametrize(
    ("left_ms", "said", "danger"),
    [
        (30 * DAY_MS + 1, "", False),
        (30 * DAY_MS, "expires in 30d", False),
        (7 * DAY_MS + 1, "expires in 7d", False),
        (7 * DAY_MS, "expires in 7d", True),
        (DAY_MS - 1, "expires within a day", True),
        (0, "has expired", True),
    ],
)
def test_it_is_told_30_days_ahead_and_is_a_danger_in_the_last_7(
    site: Site,  # the fixture
    tmp_path: Path,
    left_ms: int,
    said: str,
    *,
    danger: bool,
) -> None:
    here = with_tls(site, tmp_path)
    found = list(certificate(here, expires(tmp_path / "lab.pem") - left_ms))
    assert [(one.what.partition(": ")[2], one.is_danger) for one in found] == (
        [(said, danger)] if said else []
    )


def test_a_key_that_all_may_read_is_a_danger(
    site: Site,  # the fixture
    tmp_path: Path,
) -> None:
    here = with_tls(site, tmp_path)
    (tmp_path / "lab.key").chmod(0o644)
    (found,) = certificate(here, 0)
    assert found.is_danger
    assert "others may read or change this key" in found.what


def test_without_one_there_is_nothing_to_say(site: Site) -> None:  # the fixture
    assert list(certificate(site, 0)) == []
