"""What has to be set around a portal (Linux): as commands, to be read before they are run.

Three roles: `client` holds an address of the remote portal's network itself; `router` lets the hosts behind it use the
tunnel with its own address; `remote` has one interface for the other portals and for the rest of the world. The
interfaces' default routes stay: the sockets of paths that are bound to an interface find theirs, since a route by
another interface is none for them, and what shall go into the tunnel has more specific ones.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from mpsim.portal.config import Config, PathSpec
from mpsim.portal.fields import IPNetwork

ROLES = ("client", "router", "remote")
_TABLE = "mpsim"  # of nftables
# The first default route's own words, for what must not go into the tunnel.
_DEFAULT = "$(ip -{version} route show default | head -n 1 | cut -d ' ' -f 2-)"


def tun_up(name: str, mtu: int) -> str:
    """Return the command, without the word ip, that sets an interface's largest packet (bytes) and brings it up."""
    return f"link set dev {name} mtu {mtu} multicast off up"


def route(prefix: object, name: str) -> str:
    """Return the command, without the word ip, that leads a prefix into an interface."""
    return f"route replace {prefix} dev {name}"


def tun_commands(config: Config) -> list[str]:
    """Return the commands, without the word ip, that `mpsim portal up` itself runs once the TUN is there."""
    name = config.host.name
    addresses = [
        # A tentative address (RFC 4862, section 5.4) could not be used at once, and nobody else can have it here.
        f"address replace {address} dev {name}{' nodad' if address.version == 6 else ''}"
        for address in config.host.address
    ]
    return [tun_up(name, config.inner_mtu()), *addresses]


def role_of(config: Config) -> str:
    """Return the role that a configuration looks like: who is not told where others are is the remote portal."""
    return "client" if any(path.remote is not None for path in _paths(config)) else "remote"


def script(config: Config, role: str) -> str:
    """Return the commands of a role, with what each is for, as a shell script."""
    name = config.host.name
    lines = [
        "#!/bin/sh",
        f"# Set-up of portal {name} as {role}; run as root once `mpsim portal up` is ready.",
        "set -e",
    ]
    lines += ["", "# `mpsim portal up` has done this itself:"]
    lines += [f"#   ip {command}" for command in tun_commands(config)]
    lines += ["", "# What lies behind the other portals goes into the tunnel."]
    lines += [f"ip {command}" for command in _inner_routes(config)]
    if role == "remote":
        lines += _remote(config)
    else:
        lines += _local(config)
        if role == "router":
            lines += _router(config)
    return "\n".join(lines) + "\n"


def _paths(config: Config) -> Iterator[PathSpec]:
    return (path for portal in config.portal for path in portal.path)


def _routes(config: Config) -> Iterator[IPNetwork]:
    return (prefix for portal in config.portal for prefix in portal.routes)


def _families(config: Config) -> list[int]:
    return sorted({prefix.version for prefix in _routes(config)})


def _inner_routes(config: Config) -> list[str]:
    return [route(part, config.host.name) for prefix in _routes(config) for part in _halves(prefix)]


def _halves(prefix: IPNetwork) -> list[IPNetwork]:
    """Return the prefix; everything as two halves, which leave the default routes of the paths in place."""
    return [prefix] if prefix.prefixlen else list(prefix.subnets())


def _local(config: Config) -> list[str]:
    lines = ["", "# The paths: answers may come by another interface than the main routes say."]
    interfaces = list(dict.fromkeys(path.interface for path in _paths(config) if path.interface is not None))
    for interface in interfaces:
        lines.append(f"sysctl -w net.ipv4.conf.{_sysctl(interface)}.rp_filter=2")
        lines.append(f'ip route show default dev {interface} | grep -q . || echo "{interface}: no default route" >&2')
    for path in _paths(config):
        if path.interface is None and path.remote is not None:
            lines += _past_tunnel(path)
    return lines


def _past_tunnel(path: PathSpec) -> list[str]:
    remote = path.remote
    literal = remote.literal if remote is not None else None
    if literal is None:
        return [f"# Path {path.name} has a remote of no fixed address: bind it to an interface, or route it by hand."]
    default = _DEFAULT.format(version=literal.version)
    return [
        f"# Path {path.name} is bound to no interface: its datagrams must not go into the tunnel.",
        f"ip route replace {ipaddress.ip_network(literal)} {default}",
    ]


def _forwarding(config: Config) -> list[str]:
    keys = {4: "net.ipv4.ip_forward", 6: "net.ipv6.conf.all.forwarding"}
    return [f"sysctl -w {keys[family]}=1" for family in _families(config)]


def _router(config: Config) -> list[str]:
    name = config.host.name
    return [
        "",
        "# The hosts behind this one: forwarded, and seen with the TUN's address.",
        *_forwarding(config),
        *_masquerade(name, f'oifname "{name}"'),
    ]


def _remote(config: Config) -> list[str]:
    lines = ["", "# One interface for other portals and for the rest of the world."]
    lines += _forwarding(config)
    lines += [f"{_outside(family)}" for family in _families(config)]
    private = [prefix for prefix in _routes(config) if prefix.is_private]
    if private:
        lines += ["# Private addresses go out with this host's own."]
        rules = [f"{'ip' if prefix.version == 4 else 'ip6'} saddr {prefix}" for prefix in private]
        lines += _masquerade("outside", *(f'oifname != "{config.host.name}" {rule}' for rule in rules))
    public = [prefix for prefix in _routes(config) if prefix.prefixlen and not prefix.is_private]
    if public:
        lines += ["# Public addresses of this host's network: it answers for them, no translation."]
    for prefix in public:
        variable = f"$outside{prefix.version}"
        if prefix.prefixlen == prefix.max_prefixlen:
            lines.append(f"ip neighbour replace proxy {prefix.network_address} dev {variable}")
        else:
            lines.append(f"# {prefix} has to be routed to this host by the router before it.")
    return lines


def _outside(family: int) -> str:
    return f"outside{family}=$(ip -{family} -o route show default | sed -n 's/.* dev \\([^ ]*\\).*/\\1/p' | head -n 1)"


def _masquerade(chain: str, *rules: str) -> list[str]:
    table = f"inet {_TABLE}-{chain}"
    return [
        f"nft add table {table}",
        f"nft flush table {table}",
        f"nft 'add chain {table} post {{ type nat hook postrouting priority srcnat; }}'",
        *(f"nft 'add rule {table} post {rule} masquerade'" for rule in rules),
    ]


def _sysctl(interface: str) -> str:
    return interface.replace(".", "/")
