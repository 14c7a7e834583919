"""Runs the console of a site as a process of its own."""

from pathlib import Path

from console.app import serve
from console.settings import ConsoleSettings
from culturewatch import paths
from culturewatch.parts import rulebook
from culturewatch.show import equipment
from culturewatch.site import load


def serve_console(path: Path) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Raises:
        culturewatch.site.SiteError: the site cannot be read.
        alerts.token.KeyFileError: the key that signs links cannot be used.
    """
    site = load(path)
    declared = site.file.console
    serve(
        ConsoleSettings(
            site=site.file.site.name,
            time_zone=site.file.site.time_zone,
            data=site.data,
            ledger_url=paths.ledger_url(site.data),
            token_key=paths.token_key(site.data),
            equipment=equipment(site),
            people=site.file.person,
            rules=rulebook(site).rules,
            host=declared.host,
            port=declared.port,
            public_url=site.public_url,
        )
    )
