"""The doctor's round: files, machine, servers; and how it is told."""

from collections.abc import Iterator
from pathlib import Path

from culturewatch.check import site_plan
from culturewatch.doctor import machine, servers
from culturewatch.doctor.backups import backups
from culturewatch.doctor.certificate import certificate
from culturewatch.doctor.declared import declared, queues
from culturewatch.doctor.finding import Finding, Report
from culturewatch.parts import rulebook
from culturewatch.site import load
from storage.wall import wall_ms


def examine(path: Path, *, outage_s: float, limits: dict[str, int]) -> Report:
    """Look at the site at ``path``, the machine, and the servers it names.

    Raises:
        culturewatch.site.SiteError: it cannot be run; every mistake is listed.
        OSError: its folder of data takes nothing.
    """
    site = load(path)
    book = rulebook(site)
    folder = site.data if site.data.is_dir() else site.base
    median_ms, late_ms = machine.sync_ms(folder)
    findings = [
        *declared(site, book, site_plan(site, book)),
        *queues(site, outage_s, limits),
        *machine.clock(),
        *machine.speed(median_ms, late_ms),
        *machine.space(folder, site.max_bytes),
        *certificate(site, wall_ms()),
        *backups(site, wall_ms()),
        *servers.ask_all(site, wall_ms()),
    ]
    error_us = machine.clock_error_us()
    measured = {"sync_median_ms": round(median_ms, 2), "sync_late_ms": round(late_ms, 2)}
    if error_us is not None and error_us >= 0:
        measured["clock_error_ms"] = error_us / 1000
    return Report(
        site=site.file.site.name,
        findings=tuple(sorted(findings, key=lambda finding: not finding.is_danger)),
        measured=measured,
    )


def lines(report: Report) -> Iterator[str]:
    """The report, dangers first."""
    for finding in report.findings:
        yield from _told(finding)
    dangers = sum(finding.is_danger for finding in report.findings)
    median, late = report.measured["sync_median_ms"], report.measured["sync_late_ms"]
    yield f"a write is safe after {median:g} ms, one in twenty after {late:g} ms"
    yield (
        f"{report.site}: {dangers} that endanger something, "
        f"{len(report.findings) - dangers} to be known"
    )


def _told(finding: Finding) -> Iterator[str]:
    yield f"{'!' if finding.is_danger else '-'} {finding.area}: {finding.what}"
    if finding.endangers:
        yield f"    endangers: {finding.endangers}"
    if finding.do:
        yield f"    do: {finding.do}"
