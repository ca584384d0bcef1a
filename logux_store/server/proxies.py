"""Whose address a connection has that came through proxies.

Behind a reverse proxy all connections come from the proxy, which says in the header
`X-Forwarded-For` where they come from. Each proxy on the way appends the address that it sees, and
what stands before that, anybody may have written. So the list is read from its end, as far as the
addresses are those of proxies that are trusted.

Invariant: the header of whoever is not trusted changes nothing.
"""

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

__all__ = ["Network", "check_proxies", "client_address"]

Network: TypeAlias = IPv4Network | IPv6Network


def check_proxies(proxies: Iterable[str | Network]) -> tuple[Network, ...]:
    """Return the networks, or raise TypeError or ValueError for what is none."""
    if isinstance(proxies, str):
        raise TypeError(f"trusted_proxies is a list, such as [{proxies!r}]")
    networks: list[Network] = []
    for proxy in proxies:
        if not isinstance(proxy, str | IPv4Network | IPv6Network):
            raise TypeError(f"a trusted proxy is an address or a network, not {proxy!r}")
        try:
            networks.append(ip_network(proxy))
        except ValueError as error:
            raise ValueError(
                f"a trusted proxy is like '127.0.0.1' or '10.0.0.0/8', not {proxy!r}: {error}"
            ) from None
    return tuple(networks)


def client_address(peer: str, headers: Mapping[str, str], proxies: tuple[Network, ...]) -> str:
    """The address of the client whose connection comes from the address `peer`, with these headers,
    their names in lower case: the last one that is not that of a trusted proxy; the first, if all
    are.
    """
    if not proxies:
        return peer
    path = [part for part in headers.get("x-forwarded-for", "").split(",") if part.strip()]
    nearest = peer
    while is_trusted(nearest, proxies) and path:
        address = read(path.pop())
        if address is None:
            # Whatever this is, it came to the proxy before it.
            break
        nearest = str(address)
    return nearest


def is_trusted(address: str, proxies: tuple[Network, ...]) -> bool:
    """Whether an address is that of a trusted proxy."""
    found = read(address)
    return found is not None and any(found in network for network in proxies)


def read(text: str) -> IPv4Address | IPv6Address | None:
    """The address that a text is, perhaps with brackets or a port; None if it is none."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
