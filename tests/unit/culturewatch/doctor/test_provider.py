"""What the doctor says of the provider of identities."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from culturewatch.doctor.servers import provider
from culturewatch.secret import Secret
from culturewatch.site import Site
from culturewatch.site_file import Oidc
from tests.integration.laboratory import lay_out
from tests.unit.console.oidc_house import CLIENT, standing

pytestmark = pytest.mark.long


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return lay_out(tmp_path)


def with_provider(site: Site, issuer: str) -> Site:
    (site.base / "secret").write_text("hush", encoding="utf-8")
    oidc = Oidc(issuer=issuer, client_id=CLIENT, secret=Secret(file="secret"))
    console = replace(site.file.console, oidc=oidc)
    return replace(site, file=replace(site.file, console=console))


async def test_one_that_can_be_used_is_nothing_to_speak_of(site: Site) -> None:
    assert await provider(site) == []
    with standing() as house:
        assert await provider(with_provider(site, house.issuer)) == []


@pytest.mark.parametrize("broken", ["jwks", ".well-known/openid-configuration"])
async def test_one_that_is_away_keeps_people_out(site: Site, broken: str) -> None:
    with standing() as house:
        house.broken = broken
        (found,) = await provider(with_provider(site, house.issuer))
    assert found.is_danger
    assert f"/{broken}: 500" in found.what


async def test_one_whose_keys_are_none_keeps_people_out(site: Site) -> None:
    with standing() as house:
        house.says = {"jwks_uri": f"{house.issuer}/.well-known/openid-configuration"}
        (found,) = await provider(with_provider(site, house.issuer))
    assert "no keys" in found.what
