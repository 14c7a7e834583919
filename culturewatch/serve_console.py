"""Runs the console of a site as a process of its own."""

from functools import partial
from pathlib import Path

from alerts.notify.twilio_callback import Signatures
from batches.password import Rules
from console.app import serve
from console.settings import ConsoleSettings
from culturewatch import paths
from culturewatch.make_record import record_of
from culturewatch.on_call_shown import on_call
from culturewatch.parts import rulebook
from culturewatch.reload import findings
from culturewatch.show import equipment
from culturewatch.sign_on import sign_on
from culturewatch.site import Site, load


def serve_console(path: Path) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Raises:
        culturewatch.site.SiteError: the site cannot be read.
        alerts.token.KeyFileError: the key that signs links cannot be used.
        console.certificate.CertificateError: its certificate cannot be used.
    """
    serve(settings(load(path)))


def settings(site: Site) -> ConsoleSettings:
    """What the console of a site is told.

    Raises:
        culturewatch.site.SiteError: the rules cannot be used.
    """
    declared, twilio, access = site.file.console, site.file.twilio, site.file.access
    return ConsoleSettings(
        site=site.file.site.name,
        time_zone=site.file.site.time_zone,
        data=site.data,
        ledger_url=site.ledger_url,
        token_key=paths.token_key(site.data),
        equipment=equipment(site),
        people=site.file.person,
        rules=rulebook(site).rules,
        host=declared.host,
        port=declared.port,
        public_url=site.public_url,
        tls=site.console_tls,
        sign_on=sign_on(site),
        pins=paths.pins(site.data),
        api_tokens=paths.api_tokens(site.data),
        record=partial(record_of, site),
        site_id=site.file.site.id,
        findings=partial(findings, site),
        passwords=paths.passwords(site.data),
        bootstrap=paths.bootstrap(site.data),
        password_rules=Rules(
            least=access.least,
            last=access.last,
            expires_ms=None if access.expires is None else int(access.expires),
        ),
        idle_ms=int(declared.idle),
        roster=partial(on_call, site),
        twilio=None if twilio is None else Signatures(site.reveal(twilio.auth_token)),
    )
