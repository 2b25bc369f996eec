"""What a portal is told: its configuration as frozen, checked data. Attribute names are the file's keys.

`read` finds every fault before any is reported. How packets are treated (`host.scheduler` and its like) is read by the
scenario's own reader, so that these keys mean the same here and there.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, PrivateAttr, ValidationError

from mpsim.errors import Fault, InputError
from mpsim.portal.fields import (
    PORTS,
    Address,
    InterfaceAddress,
    InterfaceName,
    Network,
    PublicKey,
    RemoteAt,
    Text,
)
from mpsim.scenario import Scenario, limits, parse
from mpsim.scenario.faults import faults_of, shown
from mpsim.scenario.fields import Name, wholes
from mpsim.scenario.files import read as read_toml
from mpsim.scenario.model import Table
from mpsim.tunnel import framing
from mpsim.tunnel.security.keys import Credentials
from mpsim.tunnel.security.primitives import CIPHERS

# Keys of [host] that are those of a scenario's [tunnel] table.
TUNNEL_KEYS = (
    "system",
    "scheduler",
    "congestion",
    "loss_detection",
    "classes",
    "queue",
    "reorder",
    "repair",
    "backpressure",
)
MODES = ("aead", "mac", "none")
TRANSPORTS = ("udp",)
MOST_PORTALS = 256
MOST_ADDRESSES = 64


def _one_of(words: tuple[str, ...]) -> PlainValidator:
    def read_word(value: Any) -> str:
        if value not in words:
            raise ValueError(f"{' | '.join(words)} is needed; given {shown(value)}")
        return str(value)

    return PlainValidator(read_word)


def _untouched(value: Any) -> Any:
    return value


Part = Annotated[Any, PlainValidator(_untouched)]  # read by the scenario's reader
PortNumber = Annotated[int, wholes(*PORTS)]


class PathSpec(Table):
    """One path to the other portal; its number (from 0) is the same at both ends."""

    name: Name
    transport: Annotated[str, _one_of(TRANSPORTS)] = "udp"
    interface: InterfaceName | None = None  # bind to this device
    local_address: Address | None = None  # bind to this address
    local_port: PortNumber | None = None  # None: any; what listens needs one
    remote: RemoteAt | None = None  # None: listen
    metric: Annotated[int, wholes(*limits.METRIC)] = 0


class PortalSpec(Table):
    """One other portal: one association."""

    name: Name
    public_key: PublicKey | None = None
    key_file: Text | None = None  # of a pre-shared key
    routes: tuple[Network, ...] = Field(
        min_length=1, max_length=4096, strict=False
    )  # inner prefixes that lie behind it
    path: tuple[PathSpec, ...] = Field(min_length=limits.LINKS[0], max_length=limits.LINKS[1], strict=False)


class HostSpec(Table):
    """This portal itself."""

    name: InterfaceName  # of the TUN interface
    address: tuple[InterfaceAddress, ...] = Field(default=(), max_length=MOST_ADDRESSES, strict=False)
    mode: Annotated[Literal["aead", "mac", "none"], _one_of(MODES)] = "aead"
    cipher: Annotated[str, _one_of(tuple(CIPHERS))] = "chacha20-poly1305"  # of mode "aead"
    private_key_file: Text | None = None
    mtu: Annotated[int | None, wholes(*limits.INNER_MTU)] = None  # bytes of an inner packet; None: what 1500 leaves
    metrics_port: PortNumber | None = None  # for Prometheus, on the loopback address
    user: Text | None = None  # who to be once everything is open
    system: Part = None
    scheduler: Part = None
    congestion: Part = None
    loss_detection: Part = None
    classes: Part = None
    queue: Part = None
    reorder: Part = None
    repair: Part = None
    backpressure: Part = None


class Config(Table):
    """One configuration file."""

    host: HostSpec
    portal: tuple[PortalSpec, ...] = Field(min_length=1, max_length=MOST_PORTALS, strict=False)
    folder: Path = Field(default=Path(), exclude=True)  # where the file lies: relative names start here

    _credentials: tuple[Credentials | None, ...] = PrivateAttr(default=())
    _parts: dict[str, Any] = PrivateAttr(default_factory=dict)

    def credentials(self, number: int) -> Credentials | None:
        """Return by what this portal and portal `number` know each other; None in mode "none"."""
        return self._credentials[number]

    def inner_mtu(self) -> int:
        """Return the bytes of the largest inner packet on any path, as far as the configuration tells."""
        if self.host.mtu is not None:
            return self.host.mtu
        remotes = [path.remote for portal in self.portal for path in portal.path]
        four = all(
            remote is not None and remote.literal is not None and remote.literal.version == 4 for remote in remotes
        )
        return framing.largest_inner("udp", "ipv4" if four else "ipv6")

    def scenario(self, number: int) -> Scenario:
        """Return the scenario whose tunnel is the association with portal `number`, for `build_endpoint`."""
        return parse(_as_scenario(self._parts, self.portal[number].path, self.inner_mtu()), self.folder)

    def same_tunnel(self, other: Config) -> bool:
        """Return whether all associations of both are made of the same parts."""
        return self._parts == other._parts and self.inner_mtu() == other.inner_mtu()


TABLES: Mapping[str, type[Table]] = {"": Config, "host": HostSpec, "portal": PortalSpec, "portal.path": PathSpec}


def read(path: Path) -> Config:
    """Read a configuration file and the keys that it names; raises InputError with every fault."""
    return parse_config(read_toml(path), path.parent)


def parse_config(raw: Mapping[str, Any], folder: Path) -> Config:
    """Make a Config of a mapping shaped like the file; relative names start at `folder`. Raises InputError."""
    from mpsim.portal.crossing import cross_faults
    from mpsim.portal.keyfiles import KeyRing

    faults = [Fault("folder", "unknown key")] if "folder" in raw else []
    given = {key: value for key, value in raw.items() if key != "folder"}
    config = None
    try:
        config = Config.model_validate(given)
    except ValidationError as error:
        faults += faults_of(error, TABLES)
    host = given.get("host")
    parts = {key: host[key] for key in TUNNEL_KEYS if key in host} if isinstance(host, Mapping) else {}
    faults += _part_faults(parts, folder)
    faults += cross_faults(given)
    keys = KeyRing(given, folder)
    faults += keys.faults
    if config is None or faults:
        raise InputError(dict.fromkeys(faults))
    config = config.model_copy(update={"folder": folder})
    config._credentials, config._parts = keys.credentials, parts
    return config


def _as_scenario(parts: Mapping[str, Any], paths: tuple[PathSpec, ...], mtu: int | None = None) -> dict[str, Any]:
    # Links and flows are none of a real tunnel's business; a scenario has to have some.
    tunnel = {**parts, "mode": "none", **({} if mtu is None else {"mtu": mtu})}
    links = [{"name": path.name, "metric": path.metric, "rate": "1Gbit", "delay": "0ms"} for path in paths]
    return {"schema": limits.SCHEMA, "name": "portal", "tunnel": tunnel, "link": links, "flow": [{"kind": "ping"}]}


def _part_faults(parts: Mapping[str, Any], folder: Path) -> list[Fault]:
    """Find what the scenario's reader does not accept of [host]."""
    try:
        scenario = parse(_as_scenario(parts, (PathSpec(name="any"),)), folder)
    except InputError as error:
        return [Fault(fault.key.replace("tunnel", "host", 1), fault.message) for fault in error.faults]
    if scenario.tunnel is None or scenario.tunnel.transport not in TRANSPORTS:
        return [
            Fault("host.system", f"a tunnel over {' or '.join(TRANSPORTS)} is needed; given {shown(parts['system'])}")
        ]
    return []
