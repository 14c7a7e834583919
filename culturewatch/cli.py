"""The command line. What a command needs is imported when it runs, so that each stays small."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from culturewatch import cli_report, logs
from culturewatch.cli_alarm import alarm_commands
from culturewatch.cli_archive import export, influx_commands, seal
from culturewatch.cli_audit import audit, explain
from culturewatch.cli_backup import backup, restore
from culturewatch.cli_calibration import calibration_commands
from culturewatch.cli_correct import batch_commands
from culturewatch.cli_database import ledger_commands
from culturewatch.cli_doctor import doctor
from culturewatch.cli_drill import drill_commands
from culturewatch.cli_equipment import equipment_commands, report_commands
from culturewatch.cli_exposure import exposure
from culturewatch.cli_grafana import grafana_commands
from culturewatch.cli_import import import_
from culturewatch.cli_label import label_commands
from culturewatch.cli_ledger import record, verify
from culturewatch.cli_lineage import patient_commands
from culturewatch.cli_options import DEFAULT_SITE, AsJson, SitePath
from culturewatch.cli_probe import probe
from culturewatch.cli_protocol import protocol_commands
from culturewatch.cli_reload import reload
from culturewatch.cli_rota import rota_commands
from culturewatch.cli_sensor import sensor_commands
from culturewatch.cli_shipping import shipping_commands
from culturewatch.cli_sign import sign
from culturewatch.cli_signing_key import signing_key_commands
from culturewatch.cli_summary import summary
from culturewatch.cli_token import token_commands
from culturewatch.cli_user import login, logout, user_commands
from culturewatch.cli_vial import vial_commands
from culturewatch.faults import FAILED, told
from devices import duration

app = typer.Typer(
    name="culturewatch",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Monitoring for cell-culture and cryobank laboratories.",
)
BEGIN = "Begin, and look"
ALARMS = "Alarms, and who is told"
CULTURES = "Cultures, vials and their records"
DEVICES = "Devices and sensors"
PEOPLE = "People and programs"
KEPT = "What is kept, and its proof"


def _span(text: str) -> float:
    try:
        return duration.parse(text).seconds
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


@app.command(rich_help_panel=BEGIN)
def demo(
    for_: Annotated[
        str, typer.Option("--for", metavar="SPAN", help="how long, such as 45s or 3m")
    ] = "3m",
    out: Annotated[Path, typer.Option(help="where data and record go")] = Path("demo-out"),
) -> None:
    """Run simulated rooms on real sockets, with alarms, pages and a batch record at the end."""
    from culturewatch.demo import run_demo  # needs nearly everything

    raise SystemExit(run_demo(span_s=_span(for_), out=out))


@app.command(rich_help_panel=BEGIN)
def run(site: SitePath = DEFAULT_SITE) -> None:
    """Watch a site: collect, keep, alarm and page, and serve the console."""
    from culturewatch.processes import ChildError  # the core needs none of it
    from culturewatch.run import run_site

    logs.set_up()
    with told(wrong_use=(ChildError,)):
        asyncio.run(run_site(site))


@app.command(hidden=True)
def core(site: SitePath) -> None:
    """Run the core alone (``run`` starts it)."""
    from culturewatch.core_process import run_alone  # only here

    run_alone(site)


@app.command(hidden=True)
def console(site: SitePath) -> None:
    """Run the console alone (``run`` starts it)."""
    from alerts.token import KeyFileError  # the core needs none of it
    from console.certificate import CertificateError
    from culturewatch.serve_console import serve_console

    logs.set_up()
    # Not wrong use: a certificate that is being renewed must not end what watches beside it.
    with told(CertificateError, wrong_use=(KeyFileError,)):
        serve_console(site)


@app.command(rich_help_panel=BEGIN)
def watchdog(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="its settings, watchdog.toml")],
) -> None:
    """Hear the beats of sites, on another machine; page by itself when one stops."""
    from alerts.token import KeyFileError  # the core needs none of it
    from culturewatch.processes import stopped_by_signals
    from culturewatch.watchdog.run import run_watchdog
    from culturewatch.watchdog.settings import WatchdogError, load

    logs.set_up()

    async def main() -> None:
        with stopped_by_signals() as stop:
            await run_watchdog(load(file), stop)

    with told(wrong_use=(KeyFileError, WatchdogError)):
        asyncio.run(main())


@app.command(rich_help_panel=BEGIN)
def check(site: SitePath = DEFAULT_SITE, *, as_json: AsJson = False) -> None:
    """Validate a site's files; print the read plan and what nobody watches."""
    from culturewatch.check import print_plan

    with told():
        print_plan(site, as_json=as_json)


@app.command(rich_help_panel=BEGIN)
def simulate(
    site: SitePath = DEFAULT_SITE,
    story: Annotated[
        str, typer.Option("--story", metavar="SPAN", help="play the demonstration's story in SPAN")
    ] = "",
) -> None:
    """Serve the hardware of a site, simulated, where the site's file says it is."""
    from culturewatch.processes import stopped_by_signals
    from culturewatch.simulated import demo_scenario, serve
    from culturewatch.site import load
    from simulators.loopback import ServeError

    logs.set_up()

    async def main() -> None:
        loaded = load(site)
        scenario = demo_scenario(loaded, _span(story)) if story else None
        with stopped_by_signals() as stop:
            await serve(
                loaded,
                stop,
                scenario=scenario,
                ready=lambda: typer.echo("the simulated devices answer"),
            )

    with told(ServeError):
        asyncio.run(main())


@app.command(rich_help_panel=BEGIN)
def status(
    site: SitePath = DEFAULT_SITE,
    *,
    as_json: AsJson = False,
    watch: Annotated[bool, typer.Option("--watch", help="keep showing, until Ctrl-C")] = False,
) -> None:
    """Show a running site, from any terminal on its machine. Exit 1 when its core does not run."""
    from culturewatch.show import show_status

    with told():
        alive = show_status(site, as_json=as_json, watch=watch)
    if not alive:
        raise SystemExit(FAILED)


@app.command(rich_help_panel=ALARMS)
def rehearse(
    stories: Annotated[list[Path], typer.Argument(metavar="FILE...", help="story files")],
    *,
    as_json: AsJson = False,
) -> None:
    """Play alarm stories in virtual time and compare what happens with what they expect."""
    from alerts.rehearse.command import rehearse as play

    raise SystemExit(play(stories, json=as_json, out=sys.stdout))


def _shown(version: bool) -> None:  # noqa: FBT001 # as typer calls it
    if version:
        from culturewatch.itself import version as number  # --help needs none of it

        typer.echo(f"culturewatch {number()}")
        raise typer.Exit


@app.callback()
def about(
    *,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_shown, help="say which, and end")
    ] = False,
) -> None:
    """Monitoring for cell-culture and cryobank laboratories."""


report_commands.command()(cli_report.show)
report_commands.command()(cli_report.send)
report_commands.command(hidden=True)(cli_report.post)
vial_commands.add_typer(shipping_commands)
vial_commands.add_typer(label_commands)
for command, panel in (
    *((one, BEGIN) for one in (doctor, probe, reload)),
    *((one, CULTURES) for one in (record, sign, exposure, summary)),
    *((one, PEOPLE) for one in (login, logout)),
    *((one, KEPT) for one in (verify, audit, explain, seal, export, backup, restore)),
):
    app.command(rich_help_panel=panel)(command)
app.command("import", rich_help_panel=KEPT)(import_)
for name, group, panel in (
    ("alarm", alarm_commands, ALARMS),
    ("rota", rota_commands, ALARMS),
    ("drill", drill_commands, ALARMS),
    ("patient", patient_commands, CULTURES),
    ("batch", batch_commands, CULTURES),
    ("vial", vial_commands, CULTURES),
    ("protocol", protocol_commands, CULTURES),
    ("signing-key", signing_key_commands, CULTURES),
    ("sensor", sensor_commands, DEVICES),
    ("calibration", calibration_commands, DEVICES),
    ("equipment", equipment_commands, DEVICES),
    ("report", report_commands, DEVICES),
    ("user", user_commands, PEOPLE),
    ("token", token_commands, PEOPLE),
    ("ledger", ledger_commands, KEPT),
    ("influx", influx_commands, KEPT),
    ("grafana", grafana_commands, KEPT),
):
    app.add_typer(group, name=name, rich_help_panel=panel)


def main() -> None:
    """Run what was typed; ``culturewatch.begin`` is what the installed program calls."""
    with told():
        try:
            app()
        finally:
            sys.stdout.flush()
