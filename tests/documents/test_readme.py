"""The README's commands are typed too, in its order, at a site that runs."""

from pathlib import Path

import pytest

from tests.documents.session import session
from tools.documents import ROOT, Block, Mark, blocks

NOT_RUN = {
    "make demo": "tools/checks.py runs it",
    "make test": "this is a part of it",
    "culturewatch run ": "the site that is begun here has been run so",
    "culturewatch simulate ": "the site that is begun here is simulated so",
    "culturewatch sign ": "docs/how-to/sign-a-record.md is followed",
    "culturewatch backup ": "docs/how-to/restore-a-backup.md is followed; this path is a machine's",
    "culturewatch user bootstrap": "docs/how-to/add-a-person.md is followed",
    "culturewatch probe ": "no such device is here; docs/tutorial.md probes a simulated one",
    "culturewatch alarm replay ": "docs/how-to/add-a-rule.md is followed",
    "culturewatch watchdog ": "tests/integration/test_watchdog.py",
    "culturewatch vial genealogy ": "docs/how-to/ship-a-vial.md is followed, with a vial",
    "culturewatch export ": "times have to be given",
    "culturewatch exposure ": "needs a logger's file; tests/unit/culturewatch/test_exposure.py",
    "culturewatch rehearse ": "needs a story; every one of tests/stories is played",
}
ASKED_FOR_A_JUDGEMENT = ("culturewatch doctor ", "culturewatch drill", "culturewatch rota show")
"""These exit with 1 where something is not as it should be, as at a site without a watchdog."""


@pytest.mark.timeout(300)
def test_what_the_readme_shows_can_be_typed(tmp_path: Path) -> None:
    shown = [line for block in blocks(ROOT / "README.md") for line in block.commands]
    commands = [line.partition("  #")[0].strip() for line in shown]
    typed = [line for line in commands if not line.startswith(tuple(NOT_RUN))]
    assert len(typed) >= 5
    with session(tmp_path) as doing:
        doing.stage("running site")
        for line in typed:
            if line.startswith(ASKED_FOR_A_JUDGEMENT):
                line = f"{line} || test $? = 1"  # noqa: PLW2901 # the same command
            doing.do(Block("README.md", 0, line), Mark("run"))
