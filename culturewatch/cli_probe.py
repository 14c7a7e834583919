"""``culturewatch probe``: what an unknown Modbus device is, or what is announced at a broker."""

import asyncio
import logging
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from culturewatch.cli_options import AsJson
from culturewatch.faults import FAILED, told
from culturewatch.output import say_json
from culturewatch.probe_target import TargetError, target, unit_ids

MOST_PER_S = 50.0
INTERRUPTED = 130


def probe(
    endpoint: Annotated[
        str,
        typer.Argument(
            metavar="ENDPOINT",
            help="tcp://HOST:PORT, rtu+tcp://HOST:PORT, serial:///dev/ttyUSB0?baud=9600, "
            "mqtt://USER@HOST:PORT",
        ),
    ],
    units: Annotated[str, typer.Option(help="unit ids to try, as 1-16,240")] = "",
    rate: Annotated[
        float, typer.Option(min=0.2, max=MOST_PER_S, help="reads a second, at the most")
    ] = 10.0,
    timeout: Annotated[
        float, typer.Option(min=0.05, max=10.0, help="seconds to wait for an answer")
    ] = 1.0,
    profiles: Annotated[
        Path | None, typer.Option(help="a folder of your own profiles, to try as well")
    ] = None,
    *,
    prefix: Annotated[
        str, typer.Option(help="of a broker: where devices announce themselves")
    ] = "homeassistant",
    as_json: AsJson = False,
) -> None:
    """Find out what an unknown Modbus device is; it is only read, and slowly.

    Prints which profiles fit and the lines for site.toml. Exit 1 when nothing that answers fits.
    Of a broker it reads what devices announce for Home Assistant, and prints profiles to fill in;
    a password stands in the environment, as CULTUREWATCH_PROBE_PASSWORD.
    """
    if endpoint.startswith(("mqtt://", "mqtts://")):
        _probe_broker(endpoint, prefix, as_json=as_json)
        return
    from collector.modbus import ModbusClient  # only here
    from collector.survey import SurveyError, surveying
    from culturewatch.probe import (
        Report,
        default_units,
        known_guesses,
    )
    from culturewatch.probe import probe as find_out
    from culturewatch.probe_report import lines
    from devices.catalog import ProfileError

    # What the client tells of a connection that it makes again is of no interest here.
    logging.getLogger("collector").setLevel(logging.ERROR)
    shows = sys.stderr.isatty() and not as_json

    def progress(text: str) -> None:
        if shows:
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()

    async def main() -> Report:
        where = target(endpoint)
        among = known_guesses(profiles)
        asked = unit_ids(units) if units else default_units(among)
        async with surveying(
            lambda there: ModbusClient(where.address, on_connect=there),
            per_second=rate,
            timeout_s=timeout,
        ) as surveyor:
            return await find_out(surveyor, where.name, among, units=asked, progress=progress)

    with told(SurveyError, wrong_use=(TargetError, ProfileError)):
        try:
            report = asyncio.run(main())
        except KeyboardInterrupt:
            progress("")
            sys.stderr.write("culturewatch: stopped; nothing was changed on the device\n")
            raise SystemExit(INTERRUPTED) from None
    progress("")
    if as_json:
        say_json(report)
    else:
        sys.stdout.writelines(f"{line}\n" for line in lines(report, target(endpoint)))
    if not any(suspect.best for suspect in report.suspects):
        raise SystemExit(FAILED)


def _probe_broker(endpoint: str, prefix: str, *, as_json: bool) -> None:
    from collector.errors import LinkError  # only here
    from culturewatch.probe_mqtt import PASSWORD, lines, listen, settings

    logging.getLogger("collector").setLevel(logging.ERROR)
    with told(LinkError, wrong_use=(TargetError,)):
        broker = settings(endpoint, os.environ.get(PASSWORD, ""))
        try:
            heard = asyncio.run(listen(broker, prefix=prefix))
        except LinkError as error:
            raise LinkError(f"{broker.address}: {error}") from error
    if as_json:
        say_json(heard)
    else:
        sys.stdout.writelines(f"{line}\n" for line in lines(heard, broker))
    if not heard.transmitters:
        raise SystemExit(FAILED)
