"""Runs the console of a site as a process of its own."""

from functools import partial
from pathlib import Path

from alerts.notify.twilio_callback import Signatures
from alerts.schema import StoreError
from batches.password import Rules
from batches.trail import Line
from console.app import serve
from console.records import Records
from console.settings import ConsoleSettings
from console.sight import BlindError
from culturewatch import paths, record_work
from culturewatch.audit_trail import trail
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
        proxies=declared.proxies,
        public_url=site.public_url,
        tls=site.console_tls,
        sign_on=sign_on(site),
        pins=paths.pins(site.data),
        api_tokens=paths.api_tokens(site.data),
        record=partial(record_of, site),
        site_id=site.file.site.id,
        findings=partial(findings, site),
        passwords=paths.passwords(site.data),
        patients=paths.patients(site.data),
        bootstrap=paths.bootstrap(site.data),
        password_rules=Rules(
            least=access.least,
            last=access.last,
            expires_ms=None if access.expires is None else int(access.expires),
        ),
        idle_ms=int(declared.idle),
        open_wall=declared.open_wall,
        roster=partial(on_call, site),
        audit=partial(audit, site),
        records=Records(
            folder=paths.records(site.data),
            preview=partial(record_work.preview, site.path),
            make=partial(record_work.make, site.path),
            sign=partial(record_work.sign, site.path),
            close=partial(record_work.close, site.path),
        ),
        twilio=None if twilio is None else Signatures(site.reveal(twilio.auth_token)),
    )


def audit(site: Site, since: int) -> tuple[Line, ...]:
    """Both trails of a site since then (epoch ms), oldest first.

    Raises:
        console.sight.BlindError: the alarm history cannot be read.
        storage.database.DatabaseError: the ledger cannot be.
    """
    try:
        return trail(site, since=since, until=None).lines
    except StoreError as error:
        raise BlindError(str(error)) from error
