"""Whether a form comes from our own page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.guard import host_name
from console.origin import Nonces, is_ours

KEY = b"k" * 32
PUBLIC = "https://monitor.lab.example"


def ours(
    origin: str | None, site: str | None = None, *, host: str = "10.0.0.5:8440", public: str = ""
) -> bool:
    return is_ours(origin=origin, fetch_site=site, host=host, public_url=public)


@pytest.mark.parametrize(
    ("origin", "site"),
    [
        ("http://10.0.0.5:8440", "same-origin"),
        ("http://10.0.0.5:8440", None),
        (None, "same-origin"),
        (None, "none"),
        (None, None),
        (PUBLIC, "same-origin"),
        (f"{PUBLIC}:443", None),
        ("HTTPS://MONITOR.lab.example", None),
    ],
)
def test_our_own_page_is_taken(origin: str | None, site: str | None) -> None:
    assert ours(origin, site, public=f"{PUBLIC}/")


@pytest.mark.parametrize(
    ("origin", "site"),
    [
        ("http://monitor.lab.example", None),
        ("https://monitor.lab.example:8443", None),
        ("https://monitor.lab.example.evil.example", None),
        ("https://evil.example/?monitor.lab.example", None),
        ("null", None),
        ("", None),
        ("file://", None),
        ("http://10.0.0.5:99999", None),
        (PUBLIC, "cross-site"),
        (PUBLIC, "same-site"),
        (None, "cross-site"),
        (None, "made up"),
    ],
)
def test_another_sites_page_is_not(origin: str | None, site: str | None) -> None:
    assert not ours(origin, site, public=PUBLIC)


@given(st.text(max_size=60), st.text(max_size=40), st.text(max_size=40))
def test_any_header_is_judged_without_a_stumble(origin: str, host: str, public: str) -> None:
    ours(origin, host=host, public=public)
    host_name(host)


def test_a_nonce_holds_for_its_own_link_only() -> None:
    nonces = Nonces(KEY)
    nonce = nonces.make("token a")
    assert nonces.holds(nonce, "token a")
    assert not nonces.holds(nonce, "token b")
    assert not nonces.holds(nonce[:-2], "token a")
    assert not Nonces(b"x" * 32).holds(nonce, "token a")


def test_every_page_has_another_nonce() -> None:
    assert Nonces(KEY).make("token") != Nonces(KEY).make("token")


@given(st.text(max_size=80), st.text(max_size=40))
def test_no_other_text_is_a_nonce(nonce: str, token: str) -> None:
    assert not Nonces(KEY).holds(nonce, token)
