"""``culturewatch backup`` and ``restore``: what is lost with a disk, and got back."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from culturewatch.cli_options import DEFAULT_SITE, AsJson, By, SitePath
from culturewatch.faults import FAILED, told
from culturewatch.output import say, say_json
from culturewatch.site import load
from storage.wall import wall_ms

if TYPE_CHECKING:
    from culturewatch.backup import Restored
    from culturewatch.noted import Noting

_MB = 1e6


def backup(
    site: SitePath = DEFAULT_SITE,
    *,
    out: Annotated[Path, typer.Option("--out", help="the folder of backups, on another disk")],
    keep: Annotated[
        int | None, typer.Option("--keep", min=1, help="remove all but so many of the newest")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="read it back then, and check every file of it")
    ] = False,
    unattended: Annotated[
        bool,
        typer.Option(
            "--unattended", help="for a timer: nobody is asked who they are, the program did it"
        ),
    ] = False,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Copy all that a site keeps into a new folder, hashed, while it runs.

    What an earlier backup in DIR holds unchanged is linked to it. Keys of patients stand beside
    the backups, once, so that erasing reaches them. Exit 1 when something could not be taken as
    it should be.
    """
    from batches.person import SOFTWARE  # --help needs none of it
    from culturewatch.advance import shown
    from culturewatch.backup import back_up, read_back
    from culturewatch.who import FAULTS, acting
    from storage.backup.manifest import BackupError

    began = time.monotonic()
    with told(BackupError, *FAULTS):
        loaded = load(site)
        who = SOFTWARE if unattended else acting(loaded, by, "backup", str(out))
        now = wall_ms()
        with shown("bytes") as advance:
            made = back_up(loaded, out, by=who, now=now, keep=keep, progress=advance)
        wrong: list[str] = []
        if check:
            with shown("bytes read back") as advance:
                _, wrong = read_back(loaded, made.path, now=now, progress=advance)
    took = time.monotonic() - began
    if as_json:
        say_json({"made": made, "seconds": round(took, 3)})
    else:
        say(
            f"{made.path}: {made.files} files, {made.total_bytes / _MB:.1f} MB of which "
            f"{made.new_bytes / _MB:.1f} MB new, {took:.1f} s, SHA-256 {made.sha256}"
        )
    for fault in (*made.faults, *wrong):
        sys.stderr.write(f"culturewatch: {fault}\n")
    if made.faults or wrong:
        raise SystemExit(FAILED)


def restore(
    folder: Annotated[Path, typer.Argument(metavar="BACKUP", help="the folder of one backup")],
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="DIR", help="the new place; without it the backup is checked"),
    ] = None,
    *,
    site: Annotated[
        Path | None,
        typer.Option(
            "--site",
            envvar="CULTUREWATCH_SITE",
            help="the file of a site that is there: its audit trail tells of it",
        ),
    ] = None,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Check every file of a backup, and put it into a new place: whole, or nothing of it.

    What is put there is as it was: who did it stands in the audit trail of the site that is named.
    """
    from culturewatch.advance import shown  # --help needs none of it
    from culturewatch.backup import put_back
    from culturewatch.noted import restoring
    from culturewatch.who import FAULTS
    from storage.backup.manifest import BackupError

    began = time.monotonic()
    with told(BackupError, *FAULTS):
        noting = restoring(site, folder.name, by)
        if to is None:
            _check(folder, noting, as_json=as_json)
            return
        try:
            with shown("bytes") as advance:
                done = put_back(folder, to, progress=advance)
        except BackupError as error:
            noting.keep("restore", folder.name, area="export", outcome="failed", new=str(error))
            raise
        came = f"{done.files} files put into {to.resolve()}"
        noting.keep("restore", folder.name, area="export", outcome=came)
    took = time.monotonic() - began
    if as_json:
        say_json({"restored": done, "seconds": round(took, 3)})
        return
    for line in _told(done, took):
        say(line)


def _check(folder: Path, noting: "Noting", *, as_json: bool) -> None:
    from culturewatch.advance import shown  # --help needs none of it
    from culturewatch.backup import read_back

    now = wall_ms()
    with shown("bytes") as advance:
        count, wrong = read_back(noting.site, folder, now=now, progress=advance)
    came = f"{len(wrong)} of {count} files are NOT as they were kept" if wrong else "all is sound"
    first = wrong[0] if wrong else ""
    noting.keep("restore", folder.name, area="export", outcome=f"checked: {came}", new=first)
    if as_json:
        say_json({"files": count, "wrong": wrong})
    else:
        for line in wrong:
            say(f"WRONG  {line}")
        whole = "NOT as it was kept" if wrong else "every file is what was kept"
        say(f"{folder}: {count} files, {whole}")
    if wrong:
        raise SystemExit(FAILED)


def _told(done: "Restored", took: float) -> list[str]:
    lines = [f"{done.path}: {done.files} files are what was kept, {took:.1f} s"]
    lines.append(
        f"{done.keys} keys of patients were put back"
        if done.keys
        else "no keys of patients stand beside the backup: it shows handles in place of tokens"
    )
    if done.elsewhere:
        lines.append(
            f"{done.site_file} says that data are in {done.elsewhere}; they are in "
            f"{done.data}: move them, or change the file"
        )
    if done.from_server:
        lines.append(
            f"the ledger was on a server: culturewatch ledger fill {done.data / 'ledger.db'} "
            f"--site {done.site_file} puts it into an empty database"
        )
    lines += [f"not in a backup, to be put there: {each}" for each in done.absent]
    lines.append(f"next: culturewatch verify {done.data} --replay")
    return lines
