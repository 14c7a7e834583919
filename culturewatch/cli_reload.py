"""``culturewatch reload``: a running core reads its configuration again."""

from typing import Annotated

import typer

from culturewatch.cli_options import DEFAULT_SITE, By, SiteOption
from culturewatch.faults import FAILED, told
from culturewatch.output import say


def reload(
    by: By = "",
    site: SiteOption = DEFAULT_SITE,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only check the files")] = False,
) -> None:
    """Have a running core read its files again; no reading and no alarm is missed.

    Files with a mistake change nothing: what is wrong is said here, exit 2. The change stands in
    the audit trail, value by value.
    """
    from alerts.engine.site_orders import RELOAD
    from culturewatch.order import order  # --help needs none of it
    from culturewatch.reload import read
    from culturewatch.who import FAULTS, acting
    from storage.inbox import InboxError

    with told(InboxError, *FAULTS):
        loaded = read(site).site
        if dry_run:
            say(f"{site}: can be used")
            return
        who = acting(loaded, by, "alarm.reload", loaded.file.site.id)
        answer = order(loaded, RELOAD, loaded.file.site.id, by=who, arguments={})
    if answer is None:
        say("no core has answered yet; one that starts reads its files anyway")
        raise SystemExit(FAILED)
    say(answer.why if answer.accepted else f"refused: {answer.why}")
    if not answer.accepted:
        raise SystemExit(FAILED)
