"""Who asks through a proxy: what a proxy of ours says, and nothing that anybody may write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message, Receive, Scope, Send

from console.forwarded import Forwarded, asker
from console.proxies import network

OURS = (network("10.0.0.5"), network("192.0.2.0/24"), network("::1"))


@pytest.mark.parametrize(
    ("peer", "said", "host"),
    [
        pytest.param("10.0.0.5", ["198.51.100.7"], "198.51.100.7", id="through a proxy of ours"),
        pytest.param("198.51.100.7", ["10.9.9.9"], "198.51.100.7", id="straight, and boasting"),
        pytest.param("10.0.0.5", ["6.6.6.6, 198.51.100.7"], "198.51.100.7", id="one more invented"),
        pytest.param("10.0.0.5", ["198.51.100.7, 192.0.2.8"], "198.51.100.7", id="two proxies"),
        pytest.param("10.0.0.5", ["198.51.100.7", "192.0.2.8"], "198.51.100.7", id="two headers"),
        pytest.param("10.0.0.5", ["198.51.100.7:4711"], "198.51.100.7", id="with a port"),
        pytest.param("::1", ["[2001:db8::7]:4711"], "2001:db8::7", id="of IPv6"),
        pytest.param("::ffff:10.0.0.5", ["198.51.100.7"], "198.51.100.7", id="heard over IPv6"),
        pytest.param("10.0.0.5", ["::ffff:198.51.100.7"], "198.51.100.7", id="named as of IPv6"),
        pytest.param("10.0.0.5", ["[::ffff:198.51.100.7]:4711"], "198.51.100.7", id="and a port"),
        pytest.param("::1", ["198.51.100.7, ::ffff:c000:208"], "198.51.100.7", id="mapped proxy"),
        pytest.param("::ffff:10.0.0.6", ["1.2.3.4"], "::ffff:10.0.0.6", id="mapped, not ours"),
        pytest.param("10.0.0.5", ["unknown"], "10.0.0.5", id="no address"),
        pytest.param("10.0.0.5", [""], "10.0.0.5", id="empty"),
        pytest.param("10.0.0.5", [], "10.0.0.5", id="nothing said"),
        pytest.param("10.0.0.5", ["6.6.6.6, [, 192.0.2.8"], "192.0.2.8", id="damaged between"),
    ],
)
def test_the_last_who_is_no_proxy_of_ours_asks(peer: str, said: list[str], host: str) -> None:
    assert asker(peer, said, OURS) == host


def test_a_proxy_that_is_named_as_a_socket_of_ipv6_shows_it_is_known() -> None:
    mapped = (network("::ffff:10.0.0.5"),)
    assert asker("::ffff:10.0.0.5", ["198.51.100.7"], mapped) == "198.51.100.7"


@given(st.lists(st.text(max_size=60), max_size=4))
def test_who_comes_straight_is_who_they_are_whatever_they_say(said: list[str]) -> None:
    assert asker("198.51.100.7", said, OURS) == "198.51.100.7"
    assert asker("198.51.100.7", said, ()) == "198.51.100.7"


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(("proxies", "host"), [([], "10.0.0.5"), (["10.0.0.0/24"], "198.51.100.7")])
async def test_what_lies_behind_sees_who_asks_only_where_the_proxy_is_named(
    kind: str, proxies: list[str], host: str
) -> None:
    seen: list[str] = []

    async def inside(scope: Scope, _: Receive, __: Send) -> None:
        seen.append(scope["client"][0])

    async def nothing() -> Message:
        raise AssertionError

    async def ignored(_: Message) -> None:
        raise AssertionError

    scope: Scope = {
        "type": kind,
        "client": ("10.0.0.5", 1),
        "headers": [(b"x-forwarded-for", b"198.51.100.7")],
    }
    await Forwarded(inside, proxies=proxies)(scope, nothing, ignored)
    assert seen == [host]
    assert scope["client"] == ("10.0.0.5", 1)
