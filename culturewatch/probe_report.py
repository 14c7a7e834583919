"""What a probe found, as a person reads it, with the lines for ``site.toml``."""

import re
from collections.abc import Iterator

from collector.address import TcpAddress, TtyAddress
from culturewatch.probe import Report, Suspect
from culturewatch.probe_target import Target
from devices.likeness import Likeness

_NO_ID = re.compile(r"[^A-Za-z0-9_-]+")


def lines(report: Report, where: Target) -> Iterator[str]:
    """The report, line by line."""
    if not report.suspects:
        tried = ", ".join(str(unit) for unit in report.units_tried)
        yield f"{report.endpoint}: connected, but none of the units {tried} answers"
        yield "try others with --units 1-247, a longer --timeout, or look at the bus behind it"
        return
    if report.any_unit:
        yield f"{report.endpoint} answers to every unit id alike: one device, unit as you like"
    for suspect in report.suspects:
        yield from _suspect(suspect)
    yield f"{report.requests} reads, no writes"
    yield ""
    yield from fragment(report, where)


def fragment(report: Report, where: Target) -> Iterator[str]:
    """The lines for ``site.toml``: comments where something is not sure."""
    address = where.address
    named = address.host if isinstance(address, TcpAddress) else address.path.strip("/")
    endpoint = _NO_ID.sub("-", named).strip("-")
    yield "# for site.toml"
    yield "[[endpoint]]"
    yield f'id = "{endpoint}"'
    if isinstance(address, TcpAddress):
        yield f'host = "{address.host}"'
        yield f"port = {address.port}"
    else:
        yield f"serial = {_line(address)}"
    if address.framing != ("tcp" if isinstance(address, TcpAddress) else "rtu"):
        yield f'framing = "{address.framing}"'
    for suspect in report.suspects:
        yield ""
        yield from _device(suspect, endpoint)


def _line(address: TtyAddress) -> str:
    line = address.serial
    return (
        f'{{ port = "{address.path}", baud = {line.baud}, data_bits = {line.data_bits}, '
        f'parity = "{line.parity}", stop_bits = {line.stop_bits} }}'
    )


def _suspect(suspect: Suspect) -> Iterator[str]:
    known = f"{suspect.registers} registers read, {suspect.refused} reads refused"
    yield f"unit {suspect.unit}: {known}"
    if suspect.identity is not None:
        yield f"  says of itself: {suspect.identity.words}"
    if not suspect.ranked:
        yield "  fits no profile; docs/writing-a-profile.md says how to make one"
        return
    for likeness in suspect.ranked:
        mark = "=" if likeness.name in suspect.best else " "
        yield f"  {mark} {likeness.name}: {likeness.bits:g} bits{_manner(likeness)}"
        for what in likeness.against:
            yield f"      against it: {what}"
    top = suspect.ranked[0]
    yield "  as " + top.name + ": " + ", ".join(f"{k} {v}" for k, v in top.values.items())
    if len(suspect.best) > 1:
        yield f"  {', '.join(suspect.best)} read alike; the plate on the device tells which it is"
    if not suspect.is_sure:
        yield "  the evidence is weak: compare the values with the device's display"
    if suspect.largest:
        yield f"  gives {suspect.largest} registers in one read, of those tried"


def _manner(likeness: Likeness) -> str:
    said = {True: ", self-test passed", False: "", None: ""}[likeness.self_test]
    if likeness.shift:
        said += f", addresses {likeness.shift:+d}"
    return f"{said}, {likeness.word_order}"


def _device(suspect: Suspect, endpoint: str) -> Iterator[str]:
    if not suspect.best:
        yield f"# unit {suspect.unit} fits no profile"
        return
    top = suspect.ranked[0]
    if not suspect.is_sure:
        yield "# weak evidence: compare the values with the display first"
    if len(suspect.best) > 1:
        yield f"# or profile: {', '.join(name for name in suspect.best if name != top.name)}"
    if top.shift:
        yield (
            f"# its addresses are those of the profile {top.shift:+d}: put a copy with these into "
            f"profiles/{top.name}.toml"
        )
    if top.is_flipped:
        yield f'# its words stand in another order: in a copy of the profile, "{top.word_order}"'
    yield "[[device]]"
    yield f'id = "{top.name}-{suspect.unit}"'
    yield f'profile = "{top.name}"'
    yield f'endpoint = "{endpoint}"'
    yield f"unit = {suspect.unit}"
