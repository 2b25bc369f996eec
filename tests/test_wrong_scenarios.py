"""Every kind of wrong scenario file ends in exit status 2 and a line that says which key, what is given, what allowed."""
# ruff: noqa: E501  # the table has a row a line

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from commanding import RIGHT, Mpsim


@dataclass(frozen=True)
class Wrong:
    """A change to the right scenario, and the line it must end in."""

    kind: str
    change: Callable[[str], str | bytes]
    key: str
    told: str


def swap(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return change


def top(line: str) -> Callable[[str], str]:
    return lambda text: f"{line}\n{text}"


def end(lines: str) -> Callable[[str], str]:
    return lambda text: f"{text}\n{lines}\n"


TRACED = '[[link]]\nname = "t"\nrate = "1Mbit"\ndelay = "1ms"\ntrace = { down = "%s" }'
FLOW = '[[flow]]\nkind = "%s"\n'

WRONG = [
    # the file itself
    Wrong("not TOML", top("name ="), "wrong.toml", "is not TOML"),
    Wrong("a key twice", top("schema = 1"), "wrong.toml", "is not TOML"),
    Wrong("not UTF-8", lambda text: text.encode() + b"\xff", "wrong.toml", "is not UTF-8"),
    Wrong("empty", lambda _: "", "schema", "is missing"),
    Wrong("huge", lambda text: text + "#" * (1 << 20), "wrong.toml", "max 1048576 bytes"),
    Wrong("nested too deeply", top("x = " + "[" * 5000), "wrong.toml", "TOML"),
    # missing keys
    Wrong("no schema", swap("schema = 1\n", ""), "schema", "is missing"),
    Wrong("no name", swap('name = "right"\n', ""), "name", "is missing"),
    Wrong("link without name", swap('name = "a"\n', ""), "link[0].name", "is missing"),
    Wrong("link without delay", swap('delay = "10ms"\n', ""), "link[0].delay", "is missing"),
    Wrong("link without rate", swap('rate = "5Mbit"\n', ""), "link[1].rate", "is missing"),
    Wrong("one direction only", swap(', up = "4Mbit"', ""), "link[0].rate.up", "is missing"),
    Wrong("flow without kind", swap('kind = "tcp"\n', ""), "flow[0].kind", "is missing"),
    Wrong("udp without rate", swap('rate = "500kbit"\n', ""), "flow[1].rate", "is missing"),
    Wrong("event without time", swap('at = "3s"\n', ""), "event[0].at", "is missing"),
    Wrong("event without link", swap('link = "b"\n', ""), "event[0].link", "is missing"),
    Wrong("event without change", swap("up = false\n", ""), "event[0]", "up, rate, delay or loss is needed"),
    Wrong("pcap without file", end(FLOW % "pcap"), "flow[2].file", "is missing"),
    # unknown keys
    Wrong("unknown key", top("durration = '1s'"), "durration", 'did you mean "duration"?'),
    Wrong("unknown table", end("[tunel]\nmtu = 1400"), "tunel", 'did you mean "tunnel"?'),
    Wrong("unknown key of a link", swap("delay", "dely"), "link[0].dely", 'did you mean "delay"?'),
    Wrong("unknown side", swap('up = "4', 'upp = "4'), "link[0].rate.upp", "known: down, up"),
    Wrong("unknown key of reorder", swap("{ mode", "{ mod"), "tunnel.reorder.mod", 'did you mean "mode"?'),
    Wrong("our own attribute", top('folder = "/"'), "folder", "unknown key"),
    Wrong("key of another kind", swap('kind = "tcp"', 'kind = "tcp"\nrate = "1Mbit"'), "flow[0].rate", "not of a tcp"),
    # wrong types
    Wrong("schema as text", swap("schema = 1", 'schema = "1"'), "schema", 'a whole number is needed; given "1"'),
    Wrong("seed true", swap("seed = 3", "seed = true"), "seed", "a whole number is needed; given true"),
    Wrong("seed a fraction", swap("seed = 3", "seed = 1.5"), "seed", "a whole number is needed; given 1.5"),
    Wrong("rate a number", swap('"5Mbit"', "5000000"), "link[1].rate", "unit is needed"),
    Wrong("up a number", swap("up = false", "up = 0"), "event[0].up", "true or false is needed; given 0"),
    Wrong("link a table", lambda t: t.replace("[[link]]", "[link]", 1).replace("[[link]]", "[other]"), "link", "a list"),
    Wrong("tunnel a text", lambda t: top('tunnel = "x"')(t.replace("[tunnel]", "[t]")), "tunnel", "a table is needed"),
    Wrong("name a number", swap('name = "right"', "name = 5"), "name", "a name of at most"),
    Wrong("a date", swap("seed = 3", "seed = 2024-01-01"), "seed", "given 2024-01-01"),
    # units
    Wrong("unknown unit", swap("5Mbit", "5Mbanana"), "link[1].rate", 'given "5Mbanana"'),
    Wrong("unit of something else", swap('"10ms"', '"10MB"'), "link[0].delay", 'as in "20ms"; given "10MB"'),
    Wrong("a 1 GB duration", swap('"6s"', '"1GB"'), "duration", 'given "1GB"'),
    Wrong("no unit", swap('"15ms"', '"15"'), "link[1].delay", 'given "15"'),
    Wrong("queue without unit", swap('delay = "15ms"', 'delay = "15ms"\nqueue = 100'), "link[1].queue", '"100p"'),
    # ranges
    Wrong("schema of the future", swap("schema = 1", "schema = 2"), "schema", "max 1; given 2"),
    Wrong("too fast", swap("5Mbit", "74Tbit"), "link[1].rate", 'max 100Gbit; given "74Tbit"'),
    Wrong("too slow", swap("5Mbit", "1bit"), "link[1].rate", 'min 1kbit; given "1bit"'),
    Wrong("negative delay", swap('"15ms"', '"-15ms"'), "link[1].delay", "min 0s"),
    Wrong("a minute and more", swap('"15ms"', '"61s"'), "link[1].delay", 'max 60s; given "61s"'),
    Wrong("no time at all", swap('"6s"', '"0s"'), "duration", "min 100ms"),
    Wrong("a week", swap('"6s"', '"168h"'), "duration", "max 86400s"),
    Wrong("negative warm-up", swap('"1s"', '"-1s"'), "warmup", "min 0s"),
    Wrong("negative seed", swap("seed = 3", "seed = -3"), "seed", "min 0; given -3"),
    Wrong("empty queue", swap('delay = "15ms"', 'delay = "15ms"\nqueue = "0p"'), "link[1].queue", "min 1p"),
    Wrong("certain loss", swap('delay = "15ms"', 'delay = "15ms"\nloss = 1.0'), "link[1].loss", "below 1; given 1.0"),
    Wrong("NaN", swap('delay = "15ms"', 'delay = "15ms"\nloss = nan'), "link[1].loss", "finite number is needed; given nan"),
    Wrong("infinity", swap('delay = "15ms"', 'delay = "15ms"\nloss = inf'), "link[1].loss", "given inf"),
    Wrong("metric", swap('delay = "15ms"', 'delay = "15ms"\nmetric = 1001'), "link[1].metric", "max 1000"),
    Wrong("large mtu", swap('congestion = "newreno"', "mtu = 1433"), "tunnel.mtu", "max 1432"),
    Wrong("mtu of tcp", swap('congestion = "newreno"', 'mtu = 1405\ntransport = "tcp"'), "tunnel.mtu", "max 1404"),
    Wrong("mtu of ipv6", swap('congestion = "newreno"', 'mtu = 1279\n[topology]\ninner = "ipv6"'), "tunnel.mtu", "min 1280"),
    Wrong("no window over tcp", swap('"newreno"', '"none"\ntransport = "tcp"'), "tunnel.congestion", 'given "none"'),
    Wrong("transport", swap('congestion = "newreno"', 'transport = "sctp"'), "tunnel.transport", "udp | tcp | ip | mptcp is"),
    Wrong("ipv5", end('[topology]\ninner = "ipv5"'), "topology.inner", "ipv4 | ipv6 is needed"),
    Wrong("small mtu", swap('congestion = "newreno"', "mtu = 100"), "tunnel.mtu", "min 576; given 100"),
    Wrong("packet", swap('rate = "500kbit"', 'rate = "5kbit"\npacket_size = 1450'), "flow[1].packet_size", "max 1404"),
    Wrong("event too late", swap('at = "3s"', 'at = "7s"'), "event[0].at", 'max 6s, the duration; given "7s"'),
    Wrong("start too early", swap('kind = "tcp"', 'kind = "tcp"\nstart = "-2s"'), "flow[0].start", "min -1s"),
    Wrong("stop first", swap('kind = "tcp"', 'kind = "tcp"\nstart = "2s"\nstop = "1s"'), "flow[0].stop", "later than"),
    Wrong("zero links", lambda _: 'schema = 1\nname = "x"\nlink = []\n' + FLOW % "tcp", "link", "min 1 entry; given 0"),
    Wrong("zero flows", lambda t: top("flow = []")(t).replace("[[flow]]", "[[other]]"), "flow", "min 1 entry; given 0"),
    Wrong("65 links", end("\n".join(f'[[link]]\nname="l{n}"\nrate="1Mbit"\ndelay="1ms"' for n in range(63))), "link", "max 64"),
    # names
    Wrong("unknown scheduler", swap("greedy", "gredy"), "tunnel.scheduler", 'did you mean "greedy"? known: greedy'),
    Wrong("unknown congestion", swap("newreno", "newron"), "tunnel.congestion", 'did you mean "newreno"?'),
    Wrong("unknown inner congestion", swap('"tcp"', '"tcp"\ncongestion = "cubik"'), "flow[0].congestion", '"cubic"?'),
    Wrong("unknown parameter", swap('"greedy"', '{ name = "round-robin", pakets = 2 }'), "tunnel.scheduler", '"packets"?'),
    Wrong("unknown system", swap('scheduler = "greedy"', 'system = "netcombine"'), "tunnel.system", '"netcombiner"?'),
    Wrong("unknown repair", swap('congestion = "newreno"', 'repair = ["party"]'), "tunnel.repair[0]", '"parity"?'),
    Wrong("repair's parameter", swap('congestion = "newreno"', 'repair = [{ name = "reinject", rule = "x" }]'),
          "tunnel.repair[0]", '"stall" or "deadline"; given'),
    Wrong("unknown reorder mode", swap('"timeout"', '"adaptiv"'), "tunnel.reorder.mode", '"adaptive"?'),
    Wrong("another mode's key", swap('"timeout"', '"timeout", offset = "5ms"'), "tunnel.reorder.offset", 'mode "timeout"'),
    Wrong("unknown kind", swap('kind = "tcp"', 'kind = "tpc"'), "flow[0].kind", 'did you mean "tcp"?'),
    Wrong("unknown direction", swap('"outbound"', '"outbond"'), "flow[1].direction", 'did you mean "outbound"?'),
    Wrong("unknown loss model", end('[[link]]\nname="c"\nrate="1Mbit"\ndelay="1ms"\nloss={model="gilbert"}'),
          "link[2].loss.model", "gilbert-elliott"),
    Wrong("event on an unknown link", swap('link = "b"', 'link = "c"'), "event[0].link", 'no link "c"'),
    Wrong("via an unknown link", swap('kind = "tcp"', 'kind = "tcp"\nvia = "c"'), "flow[0].via", "known: tunnel, a, b"),
    Wrong("duplicate link", swap('name = "b"', 'name = "a"'), "link[1].name", "link[0] has it"),
    Wrong("duplicate flow", lambda t: t.replace("kind =", 'name = "f"\nkind ='), "flow[1].name", "flow[0] has it"),
    Wrong("a link called tunnel", swap('name = "b"', 'name = "tunnel"'), "link[1].name", "any name but"),
    Wrong("a path for a name", swap('name = "right"', 'name = "../x"'), "name", "letters, digits"),
    # of the contract, but not in this version
    Wrong("mode", swap('congestion = "newreno"', 'mode = "aes"'), "tunnel.mode", "aead | mac | none"),
    Wrong("web", end(FLOW % "web"), "flow[2].kind", "in this version"),
    Wrong("shared", swap('delay = "15ms"', 'delay = "15ms"\nshared = "mast"'), "link[1].shared", "not in this version"),
    Wrong("restart", swap("up = false", 'restart = "local"'), "event[0].restart", "not in this version"),
    # files
    Wrong("missing trace", end(TRACED % "none"), "link[2].trace.down", 'cannot read "none": No such file'),
    Wrong("trace of garbage", end(TRACED % "garbage"), "link[2].trace.down", "line 2"),
    Wrong("trace of decreasing times", end(TRACED % "decreasing"), "link[2].trace.down", "line 3"),
    Wrong("trace of negative times", end(TRACED % "negative"), "link[2].trace.down", "line 1"),
    Wrong("empty trace", end(TRACED % "empty"), "link[2].trace.down", "at least one line"),
    Wrong("a folder as trace", end(TRACED % "."), "link[2].trace.down", "cannot read"),
    Wrong("missing capture", end(FLOW % "pcap" + 'file = "no.pcap"'), "flow[2].file", 'cannot read "no.pcap"'),
    Wrong("no function", end(FLOW % "scapy" + 'file = "x.pcap"'), "flow[2].file", '"file.py:function" is needed'),
    Wrong("missing scheduler file", swap('"greedy"', '"no.py:Mine"'), "tunnel.scheduler", 'cannot read "no.py"'),
    Wrong("extends itself", top('extends = "wrong.toml"'), "extends", "wrong.toml > wrong.toml"),
    Wrong("extends nothing", top('extends = "no.toml"'), "extends", '"no.toml" cannot be read'),
    Wrong("sweep of one value", end("[sweep]\nseed = 1"), "sweep.seed", "a list"),
]  # fmt: skip

TRACES = {"garbage": "1\nx\n", "decreasing": "1\n5\n4\n", "negative": "-1\n2\n", "empty": ""}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in TRACES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, wrong: Wrong) -> None:
    content = wrong.change(RIGHT)
    (folder / "wrong.toml").write_bytes(content if isinstance(content, bytes) else content.encode())


def lines_of(key: str, told: str) -> list[str]:
    return [line for line in told.splitlines() if line.startswith(f"{key}: ")]


def test_there_are_forty_kinds_and_the_right_one_is_right(mpsim: Mpsim, right_file: Path) -> None:
    assert len({wrong.kind for wrong in WRONG}) == len(WRONG) >= 40
    ended = mpsim("run", right_file, "--set", "duration=3s", "--set", "event[0].at=1s")
    assert (ended.status, ended.err) == (0, "")


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.kind)
def test_wrong(wrong: Wrong, folder: Path, mpsim: Mpsim) -> None:
    write(folder, wrong)
    before = sorted(folder.rglob("*"))
    ended = mpsim("run", "wrong.toml", "--out", folder / "out", "--json")
    assert ended.status == 2, ended.err
    told = lines_of(wrong.key, ended.err)
    assert any(wrong.told in line for line in told), ended.err
    assert ended.out == ""
    assert "Traceback" not in ended.err
    assert all(": " in line for line in ended.err.splitlines()), "a line a fault, and no line without a key"
    assert sorted(folder.rglob("*")) == before, "nothing is written"


@pytest.mark.parametrize("wrong", WRONG[::20], ids=lambda wrong: wrong.kind)
@pytest.mark.parametrize("verb", ["run", "emulate", "sweep"])
def test_wrong_from_outside(wrong: Wrong, verb: str, folder: Path) -> None:
    write(folder, wrong)
    command = [sys.executable, "-m", "mpsim", verb, "wrong.toml", "--out", "out"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert any(wrong.told in line for line in lines_of(wrong.key, ended.stderr)), ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("setting", "key", "told"),
    [
        ("link[9].delay=1ms", "link[9].delay", "max index [1]; given [9]"),
        ("link.delay=1ms", "link.delay", "an index such as [0] is needed"),
        ("warmup[0]=1s", "warmup[0]", "single value"),
        ("name.x=1", "name.x", '"name" is a single value'),
        ("nonsense=1", "nonsense", "no key"),
        ("a b=1", "a b", "a dotted key is needed"),
        ("tunnel.scheduler", "--set", "KEY=VALUE is needed"),
        ("=1", "--set", "KEY=VALUE is needed"),
        ("link[0].rate=5Mbanana", "link[0].rate", "5Mbanana"),
        ("event[0].rate[0]=1", "event[0].rate[0]", "no list"),
    ],
)
def test_wrong_settings(setting: str, key: str, told: str, right_file: Path, mpsim: Mpsim) -> None:
    ended = mpsim("run", right_file, "--set", setting)
    assert ended.status == 2, ended.err
    assert any(told in line for line in lines_of(key, ended.err)), ended.err


def test_files_that_cannot_be_read(folder: Path, mpsim: Mpsim) -> None:
    for name, told in (("none.toml", "No such file"), (".", "Is a directory")):
        ended = mpsim("run", name)
        assert (ended.status, ended.out) == (2, "")
        assert ended.err == f"{name}: cannot be read: {told}\n" or told in ended.err
