"""``culturewatch signing-key …``: the key that seals signatures of records."""

import typer

from culturewatch.cli_options import DEFAULT_SITE, AsJson, By, Reason, SiteOption
from culturewatch.faults import FAILED, told
from culturewatch.output import say, say_json
from culturewatch.site import load

signing_key_commands = typer.Typer(
    no_args_is_help=True, help="Show the key that seals signatures, or begin with a new one."
)


@signing_key_commands.command()
def show(*, as_json: AsJson = False, site: SiteOption = DEFAULT_SITE) -> None:
    """Show the fingerprint that whoever checks signatures compares; exit 1 when the key is gone."""
    from batches.ledger import Ledger  # SQLAlchemy is slow to import
    from culturewatch import signing_key
    from culturewatch.who import FAULTS

    with told(*FAULTS):
        loaded = load(site)
        found = signing_key.standing(loaded, Ledger(loaded.ledger_url))
    if as_json:
        say_json(found)
    else:
        key = found.sha256
        say(f"SHA-256 {key}" if key else "there is no key yet; the first signature makes it")
        say(found.file)
    if not found.well:
        raise SystemExit(FAILED)


@signing_key_commands.command()
def new(*, by: By = "", reason: Reason = "", site: SiteOption = DEFAULT_SITE) -> None:
    """Begin with a new key, because the old one is lost or was seen; the password is asked for.

    Signatures given so far keep their key and go on to verify. A record that was signed in part is
    made again and signed as its next version. Tell whoever checks your records the new fingerprint.
    """
    from batches.ledger import Ledger  # --help needs none of it
    from culturewatch import signing_key
    from culturewatch.who import FAULTS, Who

    with told(*FAULTS):
        loaded = load(site)
        ledger = Ledger(loaded.ledger_url)
        person = Who(loaded, ledger).signing(by)
        key = signing_key.begin(loaded, ledger, by=person.id, reason=reason)
    say(f"records are signed with a new key from now on, SHA-256 {key}")
