"""``culturewatch grafana …``: dashboards and excursions into a Grafana that is not provisioned."""

from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from culturewatch import paths
from culturewatch.cli_entry import instant
from culturewatch.cli_options import DEFAULT_SITE, SiteOption
from culturewatch.faults import told
from culturewatch.output import say
from culturewatch.secret import Secret
from culturewatch.site import Site, SiteError, load
from devices import duration
from storage.wall import wall_ms

if TYPE_CHECKING:
    from culturewatch.grafana import Grafana

grafana_commands = typer.Typer(no_args_is_help=True, help="Dashboards and excursions in Grafana.")
Url = Annotated[str, typer.Option("--url", help="of Grafana, such as http://127.0.0.1:3000")]
TokenEnv = Annotated[
    str, typer.Option("--token-env", metavar="NAME", help="where a service account's token is")
]
_USUAL = "http://127.0.0.1:3000"
_VARIABLE = "GRAFANA_TOKEN"


@grafana_commands.command()
def push(
    *, url: Url = _USUAL, token_env: TokenEnv = _VARIABLE, site: SiteOption = DEFAULT_SITE
) -> None:
    """Put the dashboards into the folder culturewatch, over those that are there."""
    with told():
        _check_installed()
        from culturewatch.grafana import GrafanaError, dashboards  # an extra

        with told(GrafanaError):
            for address in _grafana(load(site), url, token_env).push(dashboards()):
                say(f"{url.rstrip('/')}{address}")


@grafana_commands.command()
def annotate(
    *,
    since: Annotated[
        str, typer.Option("--since", metavar="TIME|SPAN", help="from when on, such as 7d")
    ] = "7d",
    url: Url = _USUAL,
    token_env: TokenEnv = _VARIABLE,
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Draw excursions that are over, each once; those that go on come when they end."""
    from alerts.reader import AlarmReader
    from alerts.schema import StoreError

    with told(StoreError):
        _check_installed()
        from culturewatch.grafana import GrafanaError, regions  # an extra

        loaded, now = load(site), wall_ms()
        with AlarmReader(paths.alarms(loaded.data)) as reader:
            found = regions(reader.between(_since(loaded, since, now), now + 1))
        with told(GrafanaError):
            drawn = _grafana(loaded, url, token_env).annotate(found)
    say(f"{drawn} excursions were drawn, {len(found) - drawn} were there")


def _check_installed() -> None:
    if find_spec("grafana_client") is None:
        raise SiteError(["grafana-client is not installed; install culturewatch[grafana]"])


def _grafana(site: Site, url: str, token_env: str) -> "Grafana":
    from culturewatch.grafana import Grafana  # an extra

    return Grafana(url, Secret(env=token_env).reveal(site.base))


def _since(site: Site, text: str, now: int) -> int:
    try:
        return now - int(duration.parse(text))
    except ValueError:
        return instant(site, "--since", text) or 0
