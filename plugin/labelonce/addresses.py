"""Which hosts images may be fetched from: a task's URL is untrusted, whoever may import tasks writes it.

A URL that leads into the network behind labelonce (this machine, the private network, a cloud's metadata service)
would let its writer reach what only labelonce can reach. So a host is looked up once, every address that it has is
judged, and the connection goes to the very addresses that were judged: a name that resolves otherwise a moment later
("DNS rebinding") gains nothing, and neither do odd spellings of an address, which the resolver reads for us.
"""

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from labelonce.errors import ConfigurationError, ImageUnavailable

Address: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"
Network: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"

MOST_ADDRESSES = 8  # of one name that are tried: one that names hundreds would be tried for an hour

_GLOBAL_6 = ipaddress.IPv6Network("2000::/3")  # all that is handed out (RFC 4291, IANA's registry)
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")  # NAT64, RFC 6052: the last four bytes are an IPv4 address
_COMPATIBLE = ipaddress.IPv6Network("::/96")  # RFC 4291, 2.5.5.1
_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254",  # AWS, Azure, Google and most others
        "fd00:ec2::254",  # AWS
        "100.100.100.200",  # Alibaba
        "192.0.0.192",  # Oracle
        "168.63.129.16",  # Azure's platform; a public address, answered by the machine's host
    )
)


class AddressRefused(ImageUnavailable):
    """A host has an address that images are not fetched from."""


def why_refused(address: Address) -> str | None:
    """Where an address lies, in words, when images are not fetched from it; None for the internet's own.

    Addresses that carry an IPv4 address inside (mapped, compatible, 6to4, NAT64) are judged by that one too.
    """
    inner = _embedded(address)
    if inner is not None:
        return why_refused(inner)
    if address in _METADATA:
        return "is a cloud's metadata service"
    if address.is_unspecified:
        return "is no host's address"
    if address.is_loopback:
        return "lies on the machine that labelonce runs on"
    if address.is_link_local:
        return "is a link-local address"
    if address.is_multicast:
        return "is a multicast address"
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_6:
        return "lies in a private network" if address.is_private or address.is_site_local else "is a reserved address"
    if address.is_reserved or not address.is_global:
        return "lies in a private network" if address.is_private else "is a reserved address"
    return None


def _embedded(address: Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address leads to; None where it is one by itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    low = int(address) & 0xFFFFFFFF
    if address in _TRANSLATED or (address in _COMPATIBLE and low > 0xFFFF):  # :: and ::1 are none
        return ipaddress.IPv4Address(low)
    return None


@dataclass(frozen=True)
class _Name:
    """A host that is allowed by name."""

    host: str
    port: int | None
    below: bool  # all hosts below it, and not itself

    def fits(self, host: str, port: int) -> bool:
        same = host.endswith(f".{self.host}") if self.below else host == self.host
        return same and self.port in (None, port)


@dataclass(frozen=True)
class _Range:
    """Addresses that are allowed, whatever the name that leads to them."""

    network: Network
    port: int | None

    def fits(self, address: Address, port: int) -> bool:
        found = _embedded(address) or address
        return any(one in self.network for one in {address, found}) and self.port in (None, port)


@dataclass(frozen=True)
class AllowedHosts:
    """Hosts that images may be fetched from although their addresses are not the internet's.

    Parameters
    ----------
    names, ranges
        As `parse` reads them.
    """

    names: tuple[_Name, ...] = ()
    ranges: tuple[_Range, ...] = ()

    @classmethod
    def parse(cls, text: str | None) -> "AllowedHosts":
        """Read a list with commas: ``nas.local``, ``nas.local:8080``, ``*.example.org``, ``10.0.0.7``, ``10.0.0.0/8``,
        ``[fd00::1]:9000``.

        Raises
        ------
        ConfigurationError
            An entry is none of these.
        """
        names: list[_Name] = []
        ranges: list[_Range] = []
        for entry in (part.strip() for part in (text or "").split(",")):
            if entry:
                read = _entry(entry)
                (names if isinstance(read, _Name) else ranges).append(read)  # type: ignore[arg-type]
        return cls(tuple(names), tuple(ranges))

    def and_host(self, host: str, port: int) -> "AllowedHosts":
        """These, and one more."""
        return AllowedHosts((*self.names, _Name(_plain(host), port, below=False)), self.ranges)

    def allows(self, host: str, port: int, address: Address) -> bool:
        """Whether a host, of which `address` is one address, is among them."""
        name = _plain(host)
        return any(one.fits(name, port) for one in self.names) or any(one.fits(address, port) for one in self.ranges)

    def judged(self, host: str, port: int) -> list[str]:
        """Look a host up and judge every address that it has; a connection must go to one of these.

        Raises
        ------
        AddressRefused
            One of its addresses is not the internet's, and not allowed. Also where others would be fine: which one
            is connected to is nobody's choice.
        OSError
            The name is not known (`socket.gaierror`).
        """
        found = resolved(host, port)
        for text in found:
            address = ipaddress.ip_address(text)
            why = why_refused(address)
            if why is not None and not self.allows(host, port, address):
                raise AddressRefused(_refusal(host, text, why))
        return found[:MOST_ADDRESSES]


def resolved(host: str, port: int) -> list[str]:
    """The addresses of a host, each once, in the resolver's order.

    Raises
    ------
    OSError
        The name is not known.
    """
    found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def _refusal(host: str, address: str, why: str) -> str:
    """What was refused, and how to allow it: by address, because a name of others may lead anywhere tomorrow."""
    plain = _plain(host)
    named = "" if plain == address else f" ({address})"
    return f"{plain[:100]} {why}{named}, where images are not fetched from. If it is yours: --allow-host {address}"


def _plain(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()


def _entry(entry: str) -> "_Name | _Range":
    host, port = _split(entry)
    try:
        return _Range(ipaddress.ip_network(host, strict=False), port)
    except ValueError:
        below = host.startswith("*.")
        name = _plain(host.removeprefix("*."))
        if set(host.removeprefix("*.")) & set("/*:@?#\\[] ") or not _labels(name.split(".")):
            raise ConfigurationError(
                f"allow_host = {entry[:100]!r}: give names (nas.local, nas.local:8080, *.example.org), addresses "
                "(10.0.0.7) or networks (10.0.0.0/8), with commas between them."
            ) from None
        return _Name(name, port, below)


def _labels(parts: Iterable[str]) -> bool:
    return all(part and len(part) < 64 for part in parts)


def _split(entry: str) -> tuple[str, int | None]:
    """Host and port of an entry; an IPv6 address with a port stands in brackets."""
    if entry.startswith("[") and "]" in entry:
        host, _, rest = entry[1:].partition("]")
        text = rest.removeprefix(":")
    elif entry.count(":") == 1:
        host, _, text = entry.partition(":")
    else:
        return entry, None
    if text.isascii() and text.isdecimal() and 0 < int(text) < 65536:
        return host, int(text)
    return (host, None) if entry.startswith("[") and not text else (entry, None)
