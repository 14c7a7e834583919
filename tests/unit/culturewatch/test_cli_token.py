"""``culturewatch token …`` as people type it."""

from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from batches.ledger import Ledger
from console.api.tokens import ApiTokens, Scope
from culturewatch import paths
from culturewatch.cli import app
from culturewatch.site import load
from storage.wall import wall_ms
from tests.integration.laboratory import serve

EXAMPLE = Path(__file__).parents[3] / "examples" / "site.toml"


@pytest.fixture
def site(tmp_path: Path, served: str) -> Path:
    path = tmp_path / "site.toml"
    path.write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    serve(path, served)
    return path


def typed(site: Path, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["token", *words, "--site", str(site)])
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, done.output


def test_a_token_is_shown_once_listed_revoked_and_in_the_audit_trail(site: Path) -> None:
    loaded = load(site)
    code, text = typed(
        site,
        "create",
        "grafana",
        "--scope",
        "read:readings",
        "--scope",
        "read:health",
        "--by",
        "ida",
    )
    assert code == 0
    tokens = ApiTokens(paths.api_tokens(loaded.data))
    found = tokens.find(text.strip(), now=wall_ms())
    assert found is not None
    assert set(found.scopes) == {Scope.READINGS, Scope.HEALTH}
    code, listed = typed(site, "list", "--json")
    (row,) = msgspec.json.decode(listed)
    assert (row["id"], row["made_by"], "digest" in row) == ("grafana", "ida", False)
    assert typed(site, "revoke", "grafana", "--by", "ida") == (
        0,
        "grafana opens nothing any more\n",
    )
    assert tokens.find(text.strip(), now=wall_ms()) is None
    assert "revoked" in typed(site, "list")[1]
    lines = Ledger(loaded.ledger_url).trail(area="user").lines
    assert [(one.by, one.subject, one.outcome) for one in lines] == [
        ("ida", "grafana", "created: read:health read:readings"),
        ("ida", "grafana", "revoked"),
    ]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("create", "x", "--scope", "write:readings"), 2, "there is no such scope"),
        (("create", "x", "--scope", "read:alarms", "--expires", "soon"), 2, "--expires soon"),
        (("create", "x", "--scope", "act:alarms"), 1, "go together"),
        (("create", "x", "--scope", "read:alarms", "--expires", "500d"), 1, "400 days"),
        (("revoke", "x"), 1, "no such token"),
    ],
)
def test_what_is_refused_is_one_line(
    site: Path, words: tuple[str, ...], code: int, told: str
) -> None:
    ended, said = typed(site, *words, "--by", "ida")
    assert ended == code
    assert told in said
    assert said.count("\n") == 1
