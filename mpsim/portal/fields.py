"""The kinds of values that a portal's configuration has beside a scenario's: names, addresses, keys."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import PlainValidator

from mpsim.portal.tun import LONGEST_NAME
from mpsim.scenario.faults import shown
from mpsim.tunnel.security.keys import from_text

IPInterface = ipaddress.IPv4Interface | ipaddress.IPv6Interface
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

PORTS = (1, 65535)
_INTERFACE = re.compile(r"[A-Za-z0-9_.-]+", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*\.?", re.ASCII)
_LONGEST_HOST = 253  # RFC 1035, section 2.3.4


@dataclass(frozen=True, slots=True)
class Remote:
    """Where the other portal is reached: a name or an address, and a port."""

    host: str
    port: int

    @property
    def literal(self) -> IPAddress | None:
        """The address, if it is one and not a name."""
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def interface_name(value: Any) -> str:
    """Read the name of a network interface (Linux: dev_valid_name)."""
    fits = isinstance(value, str) and len(value) <= LONGEST_NAME and _INTERFACE.fullmatch(value)
    if not fits or value in {".", ".."}:
        allowed = f"an interface's name of at most {LONGEST_NAME} letters, digits, '_', '.' or '-' is needed"
        raise ValueError(f"{allowed}; given {shown(value)}")
    return str(value)


def text(value: Any) -> str:
    """Read a text that is not empty."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"a text is needed; given {shown(value)}")
    return value


def interface_address(value: Any) -> IPInterface:
    """Read an address with the length of its prefix."""
    try:
        if isinstance(value, str) and "/" in value:
            return ipaddress.ip_interface(value)
    except ValueError:
        pass
    raise ValueError(f'an address and its prefix, such as "172.19.152.2/24", is needed; given {shown(value)}')


def address(value: Any) -> IPAddress:
    """Read an IP address."""
    try:
        if isinstance(value, str):
            return ipaddress.ip_address(value)
    except ValueError:
        pass
    raise ValueError(f"an IPv4 or IPv6 address is needed; given {shown(value)}")


def network(value: Any) -> IPNetwork:
    """Read a prefix whose bits beyond its length are zero."""
    try:
        if isinstance(value, str):
            return ipaddress.ip_network(value)
    except ValueError as error:
        if "host bits" in str(error):
            meant = ipaddress.ip_network(value, strict=False)
            raise ValueError(f"a prefix is needed, such as {meant}; given {shown(value)}") from None
    raise ValueError(f'a prefix, such as "10.0.0.0/8" or "::/0", is needed; given {shown(value)}')


def remote(value: Any) -> Remote:
    """Read host and port of the other portal."""
    allowed = f'"host:port" or "[address]:port" is needed; given {shown(value)}'
    if not isinstance(value, str):
        raise ValueError(allowed)
    host, colon, port = value.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if bracketed else host
    if not colon or not port.isdecimal() or (":" in host) != bracketed:
        raise ValueError(allowed)
    number = int(port)
    if not PORTS[0] <= number <= PORTS[1]:
        raise ValueError(f"a port of {PORTS[0]} to {PORTS[1]}; given {shown(value)}")
    found = Remote(host, number)
    numeric = not host.strip("0123456789.")
    named = len(host) <= _LONGEST_HOST and _HOST.fullmatch(host) and not numeric
    if found.literal is None and (bracketed or not named):
        raise ValueError(f"a host's name or address before the port; given {shown(value)}")
    return found


def public_key(value: Any) -> bytes:
    """Read a public key, 32 bytes in base64."""
    try:
        return from_text(text(value))
    except ValueError as error:
        raise ValueError(f"{error} (what `mpsim portal keygen` prints)") from None


InterfaceName = Annotated[str, PlainValidator(interface_name)]
Text = Annotated[str, PlainValidator(text)]
InterfaceAddress = Annotated[IPInterface, PlainValidator(interface_address)]
Address = Annotated[IPAddress, PlainValidator(address)]
Network = Annotated[IPNetwork, PlainValidator(network)]
RemoteAt = Annotated[Remote, PlainValidator(remote)]
PublicKey = Annotated[bytes, PlainValidator(public_key)]
