"""The proxies that are trusted, as ``[console] proxies`` names them. The core reads it, too."""

from ipaddress import IPv4Network, IPv6Network, ip_network

Network = IPv4Network | IPv6Network


def network(text: str) -> Network:
    """An address such as ``10.0.0.5``, or a network such as ``10.0.0.0/24``.

    Raises:
        ValueError: it is neither.
    """
    return ip_network(text)
