"""Tokens of programs, and how often they may ask."""

import stat
from pathlib import Path

import pytest

from console.api.pace import REMEMBERED, Pace
from console.api.tokens import LONGEST_MS, ApiTokens, Scope, TokenError

NOW = 1_767_596_400_000
DAY = 86_400_000


@pytest.fixture
def tokens(tmp_path: Path) -> ApiTokens:
    return ApiTokens(tmp_path / "api-tokens")


def made(tokens: ApiTokens, name: str = "grafana") -> str:
    return tokens.make(name, [Scope.READINGS], expires_at=NOW + DAY, now=NOW, by="anna")


def test_a_token_counts_until_it_ends(tokens: ApiTokens) -> None:
    text = made(tokens)
    found = tokens.find(text, now=NOW + DAY - 1)
    assert found is not None
    assert (found.id, found.scopes) == ("grafana", (Scope.READINGS,))
    assert tokens.find(text, now=NOW + DAY) is None


def test_its_text_is_kept_nowhere_and_only_its_owner_may_read_the_file(
    tokens: ApiTokens, tmp_path: Path
) -> None:
    secret = made(tokens).rsplit("_", 1)[1]
    (file,) = (tmp_path / "api-tokens").iterdir()
    assert secret not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_revoked_token_stays_listed_and_opens_nothing(tokens: ApiTokens) -> None:
    text = made(tokens)
    tokens.revoke("grafana", now=NOW + 1, by="ben")
    assert tokens.find(text, now=NOW + 2) is None
    (listed,) = tokens.all()
    assert (listed.revoked_at, listed.revoked_by) == (NOW + 1, "ben")
    # The first revocation is what is kept.
    assert tokens.revoke("grafana", now=NOW + 9, by="eve").revoked_by == "ben"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cwt_grafana_",
        "cwt_grafana_" + "A" * 43,
        "cwt_../../token_" + "A" * 43,
        "cwt_nobody_" + "A" * 43,
        "x" * 100_000,
        "cwt_grafana_" + "\N{GREEK SMALL LETTER ALPHA}" * 43,
    ],
)
def test_any_other_text_opens_nothing(tokens: ApiTokens, text: str) -> None:
    made(tokens)
    assert tokens.find(text, now=NOW) is None


def test_a_file_that_is_damaged_opens_nothing(tokens: ApiTokens, tmp_path: Path) -> None:
    text = made(tokens)
    (tmp_path / "api-tokens" / "grafana.json").write_text('{"id":')
    assert tokens.find(text, now=NOW) is None


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (("Grafana!", [Scope.READINGS], DAY, ""), "40 at most"),
        (("a", [], DAY, ""), "name a scope"),
        (("a", [Scope.READINGS], 0, ""), "400 days"),
        (("a", [Scope.READINGS], LONGEST_MS + 1, ""), "400 days"),
        (("a", [Scope.ACT], DAY, ""), "go together"),
        (("a", [Scope.READINGS], DAY, "anna"), "go together"),
    ],
)
def test_what_cannot_be_a_token_is_refused(
    tokens: ApiTokens, asked: tuple[str, list[Scope], int, str], why: str
) -> None:
    name, scopes, ends, person = asked
    with pytest.raises(TokenError, match=why):
        tokens.make(name, scopes, expires_at=NOW + ends, now=NOW, by="anna", person=person)
    assert tokens.all() == ()


def test_a_name_is_used_once(tokens: ApiTokens) -> None:
    text = made(tokens)
    with pytest.raises(TokenError, match="already"):
        made(tokens)
    assert tokens.find(text, now=NOW) is not None
    with pytest.raises(TokenError, match="no such token"):
        tokens.revoke("other", now=NOW, by="anna")


def test_a_bucket_gives_its_burst_then_its_rate() -> None:
    clock = [0.0]
    pace = Pace(burst=3, a_second=2.0, now_s=lambda: clock[0])
    assert [pace.wait_s("a") for _ in range(3)] == [0.0, 0.0, 0.0]
    assert pace.wait_s("a") == pytest.approx(0.5)
    assert pace.wait_s("b") == 0.0
    clock[0] = 0.5
    assert pace.wait_s("a") == 0.0
    clock[0] = 100.0
    assert [pace.wait_s("a") == 0.0 for _ in range(4)] == [True, True, True, False]


def test_who_asks_under_ever_new_names_costs_no_memory() -> None:
    pace = Pace(burst=1, a_second=1.0, now_s=lambda: 0.0)
    for number in range(REMEMBERED + 100):
        pace.wait_s(str(number))
    assert len(pace._buckets) == REMEMBERED
