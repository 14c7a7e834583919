"""Where simulators may listen, and what they say when they cannot."""

from ipaddress import ip_address


class ServeError(Exception):
    """A simulator cannot listen; the text says where and what to do."""


def only_loopback(host: str) -> None:
    """Simulated devices are for this machine alone.

    Raises:
        ServeError: ``host`` is not a loopback address.
    """
    try:
        loopback = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ServeError(f"{host}: simulators serve on loopback only; write 127.0.0.1")
