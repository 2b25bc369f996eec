"""The configuration of a portal: all faults at once, each naming key, what is allowed and what was given."""

from __future__ import annotations

import contextlib
import copy
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from commanding import Mpsim
from portaling import write_key

from mpsim.errors import InputError
from mpsim.portal.config import TABLES, Config, parse_config, read

CONTRACT = """
[host]
name = "nc0"
address = ["172.19.152.2/24", "fd00:19::2/64"]
mode = "aead"
private_key_file = "nc0.key"
scheduler = "greedy"
congestion = "newreno"

[[portal]]
name = "home"
public_key = "{public}"
routes = ["0.0.0.0/0", "::/0"]

[[portal.path]]
name = "dsl"
transport = "udp"
interface = "eth0"
local_port = 4725
remote = "portal.example.org:4725"
metric = 0

[[portal.path]]
name = "lte"
interface = "wwan0"
remote = "[2001:db8::1]:4725"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration that is right."""
    write_key(tmp_path / "nc0.key")
    file = tmp_path / "nc0.toml"
    file.write_text(CONTRACT.format(public=write_key(tmp_path / "home.key")))
    return file


def faults(file: Path, old: str, new: str) -> list[str]:
    """What is wrong with the file once `old` in it is `new`."""
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError) as raised:
        read(file)
    return [str(fault) for fault in raised.value.faults]


def test_a_right_one(file: Path) -> None:
    config = read(file)
    assert config.host.name == "nc0"
    assert [path.name for path in config.portal[0].path] == ["dsl", "lte"]
    assert str(config.portal[0].path[1].remote) == "[2001:db8::1]:4725"
    credentials = config.credentials(0)
    assert credentials is not None
    assert credentials.pattern == "IKpsk2"
    assert config.scenario(0).tunnel is not None


def test_check_says_so(file: Path, mpsim: Mpsim) -> None:
    ended = mpsim("portal", "check", file)
    assert (ended.status, ended.err) == (0, "")
    assert "1 other portal(s), 2 path(s), inner MTU 1412" in ended.out


def test_all_faults_at_once_and_exit_status_2(file: Path, mpsim: Mpsim) -> None:
    text = file.read_text().replace("local_port = 4725", "local_port = 74523").replace('"nc0"', '"interface too long"')
    file.write_text(text.replace("metric = 0", "metric = -1\nmetrik = 3"))
    ended = mpsim("portal", "check", file)
    assert (ended.status, ended.out) == (2, "")
    assert "portal[0].path[0].local_port: max 65535; given 74523" in ended.err.splitlines()
    keys = [line.partition(": ")[0] for line in ended.err.splitlines()]
    assert sorted(keys) == [
        "host.name",
        "portal[0].path[0].local_port",
        "portal[0].path[0].metric",
        "portal[0].path[0].metrik",
    ]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("172.19.152.2/24", "172.19.152.2", 'host.address[0]: an address and its prefix, such as "172.19.152.2/24"'),
        ("0.0.0.0/0", "10.0.0.1/8", 'portal[0].routes[0]: a prefix is needed, such as 10.0.0.0/8; given "10.0.0.1/8"'),
        ("::/0", "0.0.0.0/0", "portal[0].routes[1]: one that is not portal[0].routes[0]'s"),
        ("portal.example.org:4725", "portal.example.org", 'portal[0].path[0].remote: "host:port" or "[address]:port"'),
        ("portal.example.org:4725", "999.1.1.1:4725", "portal[0].path[0].remote: a host's name or address"),
        ("portal.example.org:4725", "portal.example.org:0", "portal[0].path[0].remote: a port of 1 to 65535"),
        ('"udp"', '"tcp"', 'portal[0].path[0].transport: udp is needed; given "tcp"'),
        ('"aead"', '"eaed"', 'host.mode: aead | mac | none is needed; given "eaed"'),
        ('"greedy"', '"gredy"', 'host.scheduler: no scheduler "gredy", did you mean "greedy"?'),
        ('"newreno"', '{ name = "cubic", beeta = 1 }', 'host.congestion: no parameter "beeta", did you mean "beta"?'),
        ('scheduler = "greedy"', 'system = "direct"', "host.system: a tunnel over udp is needed"),
        ('name = "lte"', 'name = "dsl"', "portal[0].path[1].name: one that is not portal[0].path[0].name's"),
        ('remote = "[2001:db8::1]:4725"', "", "portal[0].path[1].local_port: is missing: without remote this path"),
        ("private_key_file", "key_file", "host.private_key_file: is missing beside portal[0].public_key"),
        ("nc0.key", "none.key", "host.private_key_file: cannot be read: No such file or directory"),
        ("nc0.key", "home.key", "portal[0].public_key: the other portal's is needed; given this host's own"),
        ('name = "home"', 'name = "home"\nkey_file = "nc0.toml"', "portal[0].key_file: not a key: 32 bytes in base64"),
        ('mode = "aead"', "mtu = 90000", "host.mtu: max"),
    ],
)  # fmt: skip
def test_what_is_wrong(file: Path, old: str, new: str, fault: str) -> None:
    assert any(found.startswith(fault) for found in faults(file, old, new))


def test_a_key_that_others_can_read(file: Path) -> None:
    (file.parent / "nc0.key").chmod(0o644)
    assert faults(file, "nc0", "nc0") == [
        "host.private_key_file: readable by its owner alone (chmod 600 nc0.key); given 0644"
    ]


def test_no_key_at_all(file: Path) -> None:
    text = file.read_text()
    lines = [line for line in text.splitlines() if not line.startswith(("private_key_file", "public_key"))]
    file.write_text("\n".join(lines))
    assert faults(file, "nc0", "nc0") == [
        "portal[0].public_key: is missing with host.private_key_file; or key_file, a pre-shared key"
    ]


def test_a_pre_shared_key_is_enough_and_mode_none_needs_none(tmp_path: Path) -> None:
    write_key(tmp_path / "psk")
    paths = [{"name": "a", "local_port": 4725}]
    raw: dict[str, Any] = {
        "host": {"name": "nc0"},
        "portal": [{"name": "one", "key_file": "psk", "routes": ["::/0"], "path": paths}],
    }
    credentials = parse_config(raw, tmp_path).credentials(0)
    assert credentials is not None
    assert credentials.pattern == "NNpsk0"
    raw["host"]["mode"] = "none"
    del raw["portal"][0]["key_file"]
    assert parse_config(raw, tmp_path).credentials(0) is None


def test_without_protection_portals_cannot_share_a_port(tmp_path: Path) -> None:
    paths = [{"name": "a", "local_port": 4725}]
    raw = {
        "host": {"name": "nc0", "mode": "none"},
        "portal": [
            {"name": "one", "routes": ["10.1.0.0/16"], "path": paths},
            {"name": "two", "routes": ["10.2.0.0/16"], "path": paths},
        ],
    }
    with pytest.raises(InputError) as raised:
        parse_config(raw, tmp_path)
    told = 'a port of its own in mode "none"; given 4725, which is portal[0].path[0]\'s'
    assert [str(fault) for fault in raised.value.faults] == [f"portal[1].path[0].local_port: {told}"]


@pytest.mark.parametrize(
    "text", ["", "[host]", "portal = 3", "host = 1\nportal = [1]", "[[host]]\n[[portal]]\npath = 1"]
)
def test_whatever_is_there_instead_of_a_table_is_a_fault(text: str, tmp_path: Path) -> None:
    file = tmp_path / "nc0.toml"
    file.write_text(text)
    with pytest.raises(InputError):
        read(file)


ODD = [
    0,
    -1,
    2**70,
    1.5,
    True,
    "",
    "x",
    "\0",
    "a" * 5000,
    [],
    [[]],
    [1],
    {},
    {"name": []},
    [{"name": {}}],
    "../..",
    "/dev",
]


def places(table: Any, key: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a mapping where a value could be another."""
    inside = table.items() if isinstance(table, dict) else enumerate(table) if isinstance(table, list) else ()
    return [key, *(place for name, value in inside for place in places(value, (*key, name)))] if key else [
        place for name, value in inside for place in places(value, (name,))
    ]  # fmt: skip


def test_whatever_is_written_there_is_right_or_a_fault(file: Path) -> None:
    right = tomllib.loads(file.read_text())
    for place in places(right):
        for odd in ODD:
            raw = copy.deepcopy(right)
            table = raw
            for step in place[:-1]:
                table = table[step]
            table[place[-1]] = odd
            with contextlib.suppress(InputError):
                assert isinstance(parse_config(raw, file.parent), Config)


def test_the_page_has_every_key_and_its_examples_are_right(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "portal.md").read_text()
    keys = {key for table in TABLES.values() for key in table.model_fields} - {"folder", "host", "portal", "path"}
    assert not [key for key in sorted(keys) if f"`{key}`" not in page]
    public = write_key(tmp_path / "other.key")
    write_key(tmp_path / "nc0.key")
    examples = re.findall(r"^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert len(examples) == 2
    for number, example in enumerate(examples):
        file = tmp_path / f"{number}.toml"
        file.write_text(re.sub(r'public_key = ".*?"', f'public_key = "{public}"', example))
        assert [path.name for path in read(file).portal[0].path] == ["dsl", "lte"]


def test_the_inner_mtu_follows_the_outer_headers(file: Path) -> None:
    assert read(file).inner_mtu() == 1412  # a name may turn out to be IPv6
    text = file.read_text().replace("portal.example.org", "192.0.2.1").replace("[2001:db8::1]", "192.0.2.1")
    file.write_text(text)
    assert read(file).inner_mtu() == 1432
    assert isinstance(read(file), Config)
