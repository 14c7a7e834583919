"""Whom claims are about, which log-ins are under way, and what may be asked where."""

from collections.abc import Mapping

import pytest

from console.oidc.flow import LASTS_MS, MOST, Flows
from console.oidc.sign_on import SignOn, is_safe


def of(*, claim: str, people: Mapping[str, str]) -> SignOn:
    return SignOn(
        issuer="https://login.lab.example",
        client_id="console",
        secret=lambda: "",
        public_url="https://lab.example",
        claim=claim,
        people=people,
    )


def test_claims_name_people_and_an_address_must_be_verified() -> None:
    by_email = of(claim="email", people={"anna": "anna@lab.example"})
    said = {"email": "anna@lab.example", "sub": "u-anna"}
    assert by_email.person_of(said | {"email_verified": True}) == "anna"
    assert by_email.person_of(said | {"email_verified": "true"}) is None
    assert by_email.person_of(said) is None
    plain = of(claim="preferred_username", people={})
    assert plain.person_of({"preferred_username": "anna"}) == "anna"
    assert plain.person_of({"preferred_username": "anna k\n"}) is None
    assert plain.person_of({"preferred_username": ["anna"]}) is None


def test_a_flow_ends_and_there_are_only_so_many() -> None:
    flows = Flows()
    old = flows.begin("/now", 0)
    assert flows.take(old.state, old.browser, LASTS_MS) is None
    first = flows.begin("/now", 1)
    for _ in range(MOST):
        last = flows.begin("/now", 1)
    assert flows.take(first.state, first.browser, 2) is None
    assert flows.take(last.state, "ü", 2) is None
    assert flows.take(last.state, last.browser, 2) is None


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://login.example", True),
        ("http://127.0.0.1:9", True),
        ("http://login.example", False),
        ("http://127.evil.example", False),
        ("javascript:alert(1)", False),
        ("https://", False),
        ("http://[::1", False),
    ],
)
def test_only_tls_or_this_machine_will_do(url: str, *, safe: bool) -> None:
    assert is_safe(url) is safe
