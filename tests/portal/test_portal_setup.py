"""The commands of `mpsim portal setup --print`: what goes into the tunnel, what stays out of it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from commanding import Mpsim
from portaling import write_key

from mpsim.portal.config import Config, parse_config
from mpsim.portal.setup import ROLES, role_of, script, tun_commands


def config(folder: Path, *paths: dict[str, Any], routes: list[str], **host: Any) -> Config:
    raw = {
        "host": {"name": "nc0", "mode": "none", **host},
        "portal": [{"name": "other", "routes": routes, "path": list(paths)}],
    }
    return parse_config(raw, folder)


BOUND = {"name": "dsl", "interface": "eth0", "remote": "203.0.113.5:4725"}
FREE = {"name": "lte", "remote": "203.0.113.5:4726"}
LISTENS = {"name": "dsl", "local_port": 4725}


def commands(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize("role", ROLES)
def test_each_script_is_one_that_a_shell_can_read(role: str, tmp_path: Path) -> None:
    found = script(config(tmp_path, BOUND, FREE, routes=["0.0.0.0/0", "::/0", "192.0.2.0/24"]), role)
    assert subprocess.run(["sh", "-n"], input=found, text=True, check=True).returncode == 0


def test_everything_goes_into_the_tunnel_but_its_own_datagrams(tmp_path: Path) -> None:
    found = commands(script(config(tmp_path, BOUND, FREE, routes=["0.0.0.0/0"]), "client"))
    assert "ip route replace 0.0.0.0/1 dev nc0" in found
    assert "ip route replace 128.0.0.0/1 dev nc0" in found
    assert not any("default dev nc0" in line or " 0.0.0.0/0 " in line for line in found)
    past = [line for line in found if line.startswith("ip route replace 203.0.113.5/32 ")]
    assert len(past) == 1, "the path that is bound to an interface needs none"


def test_a_router_translates_and_forwards(tmp_path: Path) -> None:
    given = config(tmp_path, BOUND, routes=["0.0.0.0/0"])
    added = set(commands(script(given, "router"))) - set(commands(script(given, "client")))
    assert "sysctl -w net.ipv4.ip_forward=1" in added
    assert any('oifname "nc0" masquerade' in line for line in added)


def test_a_remote_portal_answers_for_public_addresses_and_translates_private_ones(tmp_path: Path) -> None:
    given = config(tmp_path, LISTENS, routes=["8.8.4.4/32", "172.19.152.2/32"])
    assert role_of(given) == "remote"
    found = commands(script(given, "remote"))
    assert "ip neighbour replace proxy 8.8.4.4 dev $outside4" in found
    (translated,) = [line for line in found if "masquerade" in line]
    assert "172.19.152.2/32" in translated
    assert "8.8.4.4" not in translated


def test_what_up_does_itself(tmp_path: Path) -> None:
    given = config(tmp_path, LISTENS, routes=["::/0"], address=["172.19.152.2/24", "fd00::2/64"], mtu=1400)
    assert tun_commands(given) == [
        "link set dev nc0 mtu 1400 multicast off up",
        "address replace 172.19.152.2/24 dev nc0",
        "address replace fd00::2/64 dev nc0 nodad",
    ]


def test_the_command(tmp_path: Path, mpsim: Mpsim) -> None:
    write_key(tmp_path / "psk")
    file = tmp_path / "nc0.toml"
    file.write_text(
        '[host]\nname = "nc0"\n[[portal]]\nname = "other"\nkey_file = "psk"\nroutes = ["10.0.0.0/8"]\n'
        '[[portal.path]]\nname = "a"\nlocal_port = 4725\n'
    )
    ended = mpsim("portal", "setup", "--print", file)
    assert (ended.status, ended.err) == (0, "")
    assert "as remote" in ended.out
    assert mpsim("portal", "setup", "--print", "--role", "king", file).status == 2
    assert mpsim("portal", "setup", file).status == 2
