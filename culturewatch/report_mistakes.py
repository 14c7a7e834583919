"""What can be wrong with ``[[report]]``: people whom no mail reaches, and devices there are not."""

from collections.abc import Collection, Iterator
from pathlib import Path

from culturewatch.site_file import SiteFile
from culturewatch.site_mistakes import at


def report_mistakes(path: Path, file: SiteFile, devices: Collection[str]) -> Iterator[str]:
    """Each mistake as a line that says where and what to do; ``devices`` are the site's, by id."""
    reached = {one.id for one in file.person if one.addresses.get("mail")}
    for n, report in enumerate(file.report):
        where = f"{at(path, 'report', n)} ({report.id})"
        if file.mail is None:
            yield f"{where}: reports go by mail; give the server in a [mail] table"
        for person in report.to:
            if person not in reached:
                yield (
                    f"{where}: to: {person!r} is no [[person]] with an address for mail; "
                    "write addresses = { mail = ... } there"
                )
        if len(set(report.to)) < len(report.to):
            yield f"{where}: to: names somebody twice"
        if report.device and report.device not in devices:
            yield f"{where}: device: no [[device]] is called {report.device!r}"
