"""Portals on the loopback device, end to end: who listens, who connects, who restarts, who moves."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from portaling import LOCAL, REMOTE, Running, arrives, free_ports, packet, path, running, wait_until, write_key

from mpsim.portal.config import parse_config
from mpsim.tunnel.security.cookie import Allowance

UPWARDS, DOWNWARDS = packet(LOCAL, REMOTE, b"up"), packet(REMOTE, LOCAL, b"down")


class Two:
    """The configurations of two portals that know each other, by public keys or in mode "none"."""

    def __init__(self, folder: Path, mode: str = "aead") -> None:
        self.folder, self.mode = folder, mode
        self.public = {side: write_key(folder / f"{side}.key") for side in ("local", "remote")}

    def raw(self, side: str, paths: list[dict[str, Any]], **host: Any) -> dict[str, Any]:
        other, behind = ("remote", REMOTE) if side == "local" else ("local", LOCAL)
        secured = self.mode != "none"
        return {
            "host": {
                "name": f"mps-{side}",
                "mode": self.mode,
                **({"private_key_file": f"{side}.key"} if secured else {}),
                **host,
            },
            "portal": [
                {
                    "name": other,
                    **({"public_key": self.public[other]} if secured else {}),
                    "routes": [f"{behind}/32"],
                    "path": paths,
                }
            ],
        }

    def start(self, side: str, paths: list[dict[str, Any]], stack: ExitStack, **options: Any) -> Running:
        return stack.enter_context(running(self.raw(side, paths), self.folder, **options))


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as found:
        yield found


@pytest.mark.parametrize("mode", ["aead", "mac", "none"])
def test_packets_cross_by_both_paths_both_ways(mode: str, tmp_path: Path, stack: ExitStack) -> None:
    two, ports = Two(tmp_path, mode), free_ports(2)
    remote = two.start("remote", [path("a", at=ports[0]), path("b", at=ports[1])], stack)
    local = two.start("local", [path("a", to=ports[0]), path("b", to=ports[1])], stack)
    wait_until(lambda: all(local.paths_up().values()) and all(remote.paths_up().values()))
    local.send(UPWARDS)
    assert remote.receive() == UPWARDS
    remote.send(DOWNWARDS)
    assert local.receive() == DOWNWARDS


def test_either_end_may_be_the_one_that_listens(tmp_path: Path, stack: ExitStack) -> None:
    two, ports = Two(tmp_path), free_ports(2)
    # Each listens on one path and connects by the other.
    local = two.start("local", [path("a", to=ports[0]), path("b", at=ports[1])], stack)
    remote = two.start("remote", [path("a", at=ports[0]), path("b", to=ports[1])], stack)
    wait_until(lambda: all(local.paths_up().values()) and all(remote.paths_up().values()))
    arrives(local, remote, UPWARDS)
    arrives(remote, local, DOWNWARDS)


def test_both_may_connect_to_each_other(tmp_path: Path, stack: ExitStack) -> None:
    two, ports = Two(tmp_path), free_ports(2)
    local = two.start("local", [path("a", to=ports[0], at=ports[1])], stack)
    remote = two.start("remote", [path("a", to=ports[1], at=ports[0])], stack)
    arrives(local, remote, UPWARDS)
    arrives(remote, local, DOWNWARDS)


@pytest.mark.parametrize("who", ["local", "remote"])
@pytest.mark.parametrize("mode", ["aead", "none"])
def test_either_end_restarts_and_the_other_is_left_alone(who: str, mode: str, tmp_path: Path, stack: ExitStack) -> None:
    two, (port,) = Two(tmp_path, mode), free_ports(1)
    paths = {"local": [path("a", to=port)], "remote": [path("a", at=port)]}
    ends = {side: two.start(side, paths[side], stack) for side in ("remote", "local")}
    arrives(ends["local"], ends["remote"], UPWARDS)
    memory = ends[who].stop()
    ends[who] = two.start(who, paths[who], stack, memory=memory)
    arrives(ends["remote"], ends["local"], DOWNWARDS)
    arrives(ends["local"], ends["remote"], UPWARDS)


def test_a_listener_that_restarts_greets_whom_it_remembers(tmp_path: Path, stack: ExitStack) -> None:
    two, (port,) = Two(tmp_path), free_ports(1)
    remote = two.start("remote", [path("a", at=port)], stack)
    local = two.start("local", [path("a", to=port)], stack)
    arrives(local, remote, UPWARDS)
    memory = remote.stop()
    assert list(memory) == ["local"]
    remote = two.start("remote", [path("a", at=port)], stack, memory=memory)
    # Nothing asks it to: the other side is idle, and would have looked only seconds later.
    remote.send(DOWNWARDS)
    assert local.receive() == DOWNWARDS


def test_an_idle_listener_that_restarts_is_back_before_anyone_asks(
    tmp_path: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mpsim.tunnel.liveness.PROBE_IDLE", 1000.0)  # nobody looks by itself
    two, (port,) = Two(tmp_path), free_ports(1)
    remote = two.start("remote", [path("a", at=port)], stack)
    local = two.start("local", [path("a", to=port)], stack)
    arrives(local, remote, UPWARDS)
    remote = two.start("remote", [path("a", at=port)], stack, memory=remote.stop())
    wait_until(lambda: all(remote.paths_up().values()))
    local.send(UPWARDS)
    assert remote.receive() == UPWARDS


def test_a_portal_that_comes_first_waits_for_the_other(tmp_path: Path, stack: ExitStack) -> None:
    two, (port,) = Two(tmp_path), free_ports(1)
    local = two.start("local", [path("a", to=port)], stack)
    local.send(UPWARDS)
    local.in_loop(lambda: None)
    remote = two.start("remote", [path("a", at=port)], stack)
    assert remote.receive() == UPWARDS


@pytest.mark.parametrize("mode", ["aead", "none"])
def test_a_path_follows_the_other_end_to_another_port(
    mode: str, tmp_path: Path, stack: ExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    two, (port,) = Two(tmp_path, mode), free_ports(1)
    remote = two.start("remote", [path("a", at=port)], stack)
    local = two.start("local", [path("a", to=port)], stack)
    arrives(local, remote, UPWARDS)
    way = remote.portal.associations[0].ways[0]
    before = way.address

    def rebind() -> None:  # as a NAT does that has lost its table
        moved = local.portal.associations[0].ways[0].port
        local.portal.loop.remove_reader(moved.fileno())
        moved.close()
        local.portal.hub.tend()

    local.in_loop(rebind)
    arrives(local, remote, UPWARDS)
    wait_until(lambda: way.address not in {before, None})
    arrives(remote, local, DOWNWARDS)
    assert caplog.text.count(": moved from") == 1


NAMES = ("one", "two", "three")
INNER = {name: f"10.9.0.{number}" for number, name in enumerate(NAMES, 11)}


class Several:
    """A remote portal with one port, and several local ones that come to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (self.port,) = free_ports(1)
        self.publics = {name: write_key(folder / f"{name}.key") for name in (*NAMES, "remote")}

    def _raw(self, name: str, portals: list[dict[str, Any]]) -> dict[str, Any]:
        return {"host": {"name": f"mps-{name}", "private_key_file": f"{name}.key"}, "portal": portals}

    def _portal(self, name: str, route: str, paths: list[dict[str, Any]]) -> dict[str, Any]:
        return {"name": name, "public_key": self.publics[name], "routes": [route], "path": paths}

    def remote(self, stack: ExitStack) -> Running:
        paths = [path("a", at=self.port), path("b", at=self.port)]
        portals = [self._portal(name, f"{INNER[name]}/32", paths) for name in NAMES]
        return stack.enter_context(running(self._raw("remote", portals), self.folder))

    def local(self, name: str, stack: ExitStack) -> Running:
        paths = [path("a", to=self.port), path("b", to=self.port)]
        raw = self._raw(name, [self._portal("remote", "0.0.0.0/0", paths)])
        return stack.enter_context(running(raw, self.folder))


def test_several_local_portals_at_one_port_of_the_remote_one(tmp_path: Path, stack: ExitStack) -> None:
    several = Several(tmp_path)
    remote = several.remote(stack)
    locals_ = {name: several.local(name, stack) for name in NAMES}
    for name, local in locals_.items():
        arrives(local, remote, packet(INNER[name], REMOTE, name.encode()))
        arrives(remote, local, packet(REMOTE, INNER[name], name.encode()))
    wait_until(lambda: all(remote.paths_up().values()))
    # What has a source that is another one's does not come out.
    before = remote.portal.written_packets
    locals_["one"].send(packet(INNER["two"], REMOTE, b"not mine"))
    wait_until(lambda: remote.portal.associations[0].foreign > 0)
    assert remote.portal.written_packets == before
    assert [sum(one.endpoint.rejected.values()) for one in remote.portal.associations] == [0, 0, 0]


def test_in_a_flood_each_of_them_gets_through_by_a_cookie(tmp_path: Path, stack: ExitStack) -> None:
    several = Several(tmp_path)
    remote = several.remote(stack)

    def exhaust() -> None:  # as a flood does
        for one in remote.portal.associations:
            assert one.guard is not None
            one.guard._unknown = Allowance(0.0)

    remote.in_loop(exhaust)
    for name in NAMES:
        arrives(several.local(name, stack), remote, packet(INNER[name], REMOTE, name.encode()))


def test_a_name_is_resolved_again_when_its_path_fails(
    tmp_path: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mpsim.portal.way.RESOLVE_AFTER", 0.1)
    monkeypatch.setattr("mpsim.portal.way.RESOLVE_AGAIN", 0.1)
    two, (port,) = Two(tmp_path), free_ports(1)
    answers = {"portal.example.org": ["127.0.0.2"]}
    asked: list[str] = []

    def lookup(host: str) -> list[str]:
        asked.append(host)
        return answers[host]

    remote = two.start("remote", [path("a", at=port)], stack)
    local = two.start("local", [path("a", to=f"portal.example.org:{port}")], stack, lookup=lookup)
    wait_until(lambda: len(asked) >= 2)
    assert not local.paths_up()["remote/a"]
    answers["portal.example.org"] = ["127.0.0.1"]
    arrives(local, remote, UPWARDS)


def test_an_unroutable_packet_is_counted(tmp_path: Path, stack: ExitStack) -> None:
    two, (port,) = Two(tmp_path), free_ports(1)
    local = two.start("local", [path("a", to=port)], stack)
    local.send(packet(LOCAL, "10.10.10.10", b"nobody"))
    local.send(b"no packet")
    wait_until(lambda: (local.portal.unroutable, local.portal.odd) == (1, 1))


def test_a_clock_that_was_set_is_told_once_and_packets_go_on(
    tmp_path: Path, stack: ExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    two, (port,) = Two(tmp_path), free_ports(1)
    remote = two.start("remote", [path("a", at=port)], stack)
    local = two.start("local", [path("a", to=port)], stack)
    arrives(local, remote, UPWARDS)

    def step() -> None:
        local.portal._offset -= 3600.0

    local.in_loop(step)
    wait_until(lambda: "the wall clock was set by +3600 s" in caplog.text)
    arrives(local, remote, UPWARDS)
    assert caplog.text.count("the wall clock") == 1


def test_a_listener_that_begins_anew_at_a_reload_knows_where_the_other_is(tmp_path: Path, stack: ExitStack) -> None:
    two, ports = Two(tmp_path), free_ports(2)
    remote = two.start("remote", [path("a", at=ports[0])], stack)
    local = two.start("local", [path("a", to=ports[0])], stack)
    arrives(local, remote, UPWARDS)
    config = parse_config(two.raw("remote", [path("a", at=ports[0]), path("b", at=ports[1])]), tmp_path)
    before = remote.portal.associations
    remote.in_loop(lambda: remote.portal.reload(config))
    assert remote.portal.associations != before
    remote.send(DOWNWARDS)
    assert local.receive() == DOWNWARDS


def test_a_reload_keeps_what_is_the_same(tmp_path: Path, stack: ExitStack) -> None:
    two, ports = Two(tmp_path), free_ports(2)
    remote_paths = [path("a", at=ports[0]), path("b", at=ports[1])]
    remote = two.start("remote", remote_paths, stack)
    local_paths = [path("a", to=ports[0]), path("b", to=ports[1])]
    local = two.start("local", local_paths, stack)
    arrives(local, remote, UPWARDS)
    before = local.portal.associations[0]
    raw = two.raw("local", [path("a", to=ports[0]), path("b", to=ports[1], metric=5)])
    raw["portal"][0]["routes"].append("10.20.0.0/16")
    config = parse_config(raw, tmp_path)
    assert local.in_loop(lambda: local.portal.reload(config)) == []
    assert local.portal.associations == [before]
    assert [each.metric for each in before.endpoint.paths] == [0, 5]
    wait_until(lambda: len(before.endpoint.dispatch.eligible) == 1)
    local.send(UPWARDS)
    assert remote.receive() == UPWARDS

    # Another number of paths makes another association, and packets go on by that one.
    config = parse_config(two.raw("local", [path("a", to=ports[0])]), tmp_path)
    local.in_loop(lambda: local.portal.reload(config))
    assert local.portal.associations != [before]
    arrives(local, remote, UPWARDS)


def test_a_reload_tells_what_needs_a_restart(tmp_path: Path, stack: ExitStack) -> None:
    two, (port,) = Two(tmp_path), free_ports(1)
    local = two.start("local", [path("a", to=port)], stack)
    config = parse_config(two.raw("local", [path("a", to=port)], name="mps-other", mtu=1300), tmp_path)
    assert local.in_loop(lambda: local.portal.reload(config)) == ["name"]
    assert local.portal.associations[0].mtu == 1300


def test_a_remote_of_another_ip_version_has_another_socket(tmp_path: Path, stack: ExitStack) -> None:
    two, (port,) = Two(tmp_path), free_ports(1)
    local = two.start("local", [path("a", to=f"127.0.0.1:{port}")], stack)
    before = local.portal.associations[0]
    for remote, same in (("127.0.0.2", True), ("[::1]", False)):
        config = parse_config(two.raw("local", [path("a", to=f"{remote}:{port}")], mtu=1400), tmp_path)
        local.in_loop(lambda config=config: local.portal.reload(config))
        assert (local.portal.associations[0].ways[0].port is before.ways[0].port) == same
