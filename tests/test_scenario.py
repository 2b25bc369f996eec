"""A scenario is read whole, written whole, and reads back as the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpsim.errors import InputError
from mpsim.scenario import Both, Scenario, load, parse
from mpsim.units import QueueSize, format_queue, format_rate, format_time

SHIPPED = sorted((Path(__file__).parents[1] / "experiments" / "scenarios").glob("*.toml"))


def minimal(**more: Any) -> dict[str, Any]:
    return {
        "schema": 1,
        "name": "small",
        "link": [{"name": "a", "rate": "8Mbit", "delay": "10ms"}],
        "flow": [{"kind": "tcp"}],
        **more,
    }


def test_values_are_in_internal_units(right_file: Path) -> None:
    scenario = load(right_file)
    assert (scenario.warmup, scenario.duration, scenario.seed) == (1.0, 6.0, 3)
    assert scenario.link[0].rate == Both(8e6, 4e6)
    assert scenario.link[0].rate.of("outbound") == 4e6
    assert scenario.link[1].delay == Both(0.015, 0.015)
    assert scenario.link[1].queue.down == QueueSize(100, "packets")
    assert [(flow.name, flow.kind, flow.direction) for flow in scenario.flow] == [
        ("tcp1", "tcp", "inbound"),
        ("udp1", "udp", "outbound"),
    ]
    assert (scenario.flow[0].congestion, scenario.flow[1].packet_size, scenario.flow[1].rate) == ("cubic", 1200, 5e5)
    assert (scenario.event[0].at, scenario.event[0].up, scenario.event[0].how) == (3.0, False, "silent")
    assert scenario.tunnel is not None
    assert (scenario.tunnel.reorder.mode, scenario.tunnel.reorder.timeout) == ("timeout", 0.1)
    assert scenario.tunnel.queue.size == QueueSize(100, "packets")


def test_defaults_of_a_minimal_file() -> None:
    scenario = parse(minimal())
    assert scenario.tunnel is None
    assert (scenario.warmup, scenario.duration, scenario.seed) == (5.0, 30.0, 1)
    assert scenario.topology.server_delay == 0.0


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_scenarios_round_trip(path: Path, tmp_path: Path) -> None:
    scenario = load(path)
    again = tmp_path / "scenario.toml"
    again.write_text(scenario.to_toml(tmp_path))
    assert load(again) == scenario
    assert json.loads(json.dumps(scenario.as_dict())) == scenario.as_dict()


def test_system_gives_defaults_and_keys_override() -> None:
    tunnel = parse(minimal(tunnel={"system": "netcombiner", "scheduler": "min-rtt"})).tunnel
    assert tunnel is not None
    parts = (tunnel.scheduler, tunnel.loss_detection, tunnel.reorder.mode, tunnel.classes)
    assert parts == ("min-rtt", "nack", "none", "single")
    ours = parse(minimal(tunnel={})).tunnel
    assert ours is not None
    assert (ours.loss_detection, ours.reorder.mode, ours.classes) == ("rfc9002", "timeout", "protocol")


def test_direct_is_no_tunnel() -> None:
    assert parse(minimal(tunnel={"system": "direct"})) == parse(minimal())


def test_overrides(right_file: Path) -> None:
    sets = [
        "tunnel.scheduler=min-rtt",
        "link[0].delay=40ms",
        "link[1].rate.down=1Mbit",
        "warmup=2s",
        "link[0].metric=7",
        "link[1].loss={model='gilbert-elliott', p=0.01, r=0.5}",
        "tunnel.mtu=1300",
    ]
    scenario = load(right_file, sets, seed=9)
    assert scenario.tunnel is not None
    assert (scenario.tunnel.scheduler, scenario.tunnel.mtu) == ("min-rtt", 1300)
    assert (scenario.warmup, scenario.seed, scenario.link[0].metric) == (2.0, 9, 7)
    assert scenario.link[0].delay == Both(0.04, 0.04)
    assert scenario.link[1].rate == Both(1e6, 5e6)
    loss = {"model": "gilbert-elliott", "p": 0.01, "r": 0.5, "good_loss": 0.0, "bad_loss": 1.0}
    assert scenario.link[1].loss == Both(loss, loss)


def test_override_of_a_parameter_keeps_the_name(right_file: Path) -> None:
    tunnel = load(right_file, ["tunnel.scheduler=round-robin", "tunnel.scheduler.packets=3"]).tunnel
    assert tunnel is not None
    assert tunnel.scheduler == {"name": "round-robin", "packets": 3}


def test_extends_merges_tables_and_replaces_lists(right_file: Path) -> None:
    (right_file.parent / "sub").mkdir()
    over = right_file.parent / "sub" / "over.toml"
    over.write_text(
        'extends = "../right.toml"\nname = "over"\n[tunnel]\nreorder = { timeout = "50ms" }\n'
        '[[link]]\nname = "b"\nrate = "1Mbit"\ndelay = "1ms"\n'
    )
    scenario = load(over)
    assert scenario.tunnel is not None
    assert (scenario.name, scenario.seed, scenario.tunnel.reorder.timeout) == ("over", 3, 0.05)
    assert [link.name for link in scenario.link] == ["b"]
    assert len(scenario.flow) == 2


def test_files_of_a_base_stay_where_they_are(tmp_path: Path) -> None:
    base, below = tmp_path / "base", tmp_path / "below"
    base.mkdir()
    below.mkdir()
    (base / "a.down").write_text("0\n5\n10\n")
    link = 'name = "a"\nrate = "1Mbit"\ndelay = "1ms"\ntrace = { down = "a.down" }\n'
    (base / "base.toml").write_text(f'schema = 1\nname = "base"\n[[link]]\n{link}[[flow]]\nkind = "tcp"\n')
    (below / "over.toml").write_text('extends = "../base/base.toml"\n')
    scenario = load(below / "over.toml")
    trace = scenario.link[0].trace
    assert trace is not None
    assert trace.of("inbound") == (base / "a.down").resolve()
    assert trace.of("outbound") is None
    moved = tmp_path / "out"
    moved.mkdir()
    (moved / "scenario.toml").write_text(scenario.to_toml(moved))
    again = load(moved / "scenario.toml").link[0].trace
    assert again is not None
    assert again.down == trace.down


def test_expand_in_file_order() -> None:
    grid = {"tunnel.scheduler": ["greedy", "min-rtt"], "link[0].delay": ["1ms", "2ms"]}
    points = parse(minimal(tunnel={}, sweep=grid), seed=4).expand()
    assert [(one.tunnel.scheduler, one.link[0].delay.down, one.seed) for one in points if one.tunnel] == [
        ("greedy", 0.001, 4),
        ("greedy", 0.002, 4),
        ("min-rtt", 0.001, 4),
        ("min-rtt", 0.002, 4),
    ]
    assert all(not one.sweep for one in points)


def test_expand_lets_a_system_bring_its_parts() -> None:
    points = parse(minimal(sweep={"tunnel.system": ["direct", "netcombiner"]})).expand()
    assert points[0].tunnel is None
    assert points[1].tunnel is not None
    assert points[1].tunnel.loss_detection == "nack"


def test_without_a_sweep_the_only_point_is_itself() -> None:
    scenario = parse(minimal())
    assert scenario.expand() == [scenario]


def test_wrong_points_of_a_sweep_are_told_once() -> None:
    grid = {"tunnel.scheduler": ["greedy", "gredy"], "seed": [1, 2, 3]}
    with pytest.raises(InputError) as raised:
        parse(minimal(tunnel={}, sweep=grid)).expand()
    assert [fault.key for fault in raised.value.faults] == ["tunnel.scheduler"]


def test_every_fault_is_told_at_once() -> None:
    wrong = minimal(seed=-1, event=[{"at": "1s", "link": "x", "up": True}])
    wrong["link"][0] |= {"rate": "5Mbanana", "delay": "61s"}
    with pytest.raises(InputError) as raised:
        parse(wrong)
    assert {fault.key for fault in raised.value.faults} == {"seed", "link[0].rate", "link[0].delay", "event[0].link"}


def test_scheduler_from_a_file_beside_the_scenario(right_file: Path) -> None:
    (right_file.parent / "mine.py").write_text(
        "from mpsim.tunnel.schedulers import Scheduler\n"
        'class Mine(Scheduler):\n    """Mine."""\n    name = "mine"\n'
        "    def select(self, packet, paths, now): return paths[:1]\n"
    )
    tunnel = load(right_file, ["tunnel.scheduler=mine.py:Mine"]).tunnel
    assert tunnel is not None
    assert tunnel.scheduler == "mine.py:Mine"


def either(values: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return values | st.fixed_dictionaries({"down": values, "up": values})


names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}", fullmatch=True).filter(lambda name: name != "tunnel")
probabilities = st.floats(0, 1, exclude_max=True)
losses = probabilities | st.fixed_dictionaries(
    {"model": st.just("gilbert-elliott"), "p": probabilities, "r": probabilities}, optional={"bad_loss": probabilities}
)
queues = st.builds(QueueSize, st.integers(1, 10**6), st.just("packets")).map(format_queue) | st.sampled_from(
    ["64KiB", "1bdp", "2.5bdp"]
)
delays = st.floats(0, 60).map(format_time)
rates = st.floats(1e3, 1e11).map(format_rate)
links = st.lists(
    st.fixed_dictionaries(
        {"name": names, "rate": either(rates), "delay": either(delays)},
        optional={"queue": either(queues), "loss": losses, "metric": st.integers(0, 1000)},
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda link: link["name"],
)
directions = st.sampled_from(["inbound", "outbound"])
flows = st.one_of(
    st.fixed_dictionaries(
        {"kind": st.just("tcp"), "direction": directions}, optional={"bytes": st.sampled_from(["10MB", "1KiB"])}
    ),
    st.fixed_dictionaries(
        {"kind": st.just("udp"), "rate": rates},
        optional={"packet_size": st.integers(16, 548), "arrivals": st.sampled_from(["constant", "poisson"])},
    ),
    st.fixed_dictionaries(
        {"kind": st.just("ping")}, optional={"interval": st.sampled_from(["10ms", "1s"]), "start": st.just("-1s")}
    ),
)
tunnels = st.fixed_dictionaries(
    {},
    optional={
        "system": st.sampled_from(["netcombiner", "gobonding", "mptunnel"]),
        "scheduler": st.sampled_from(["greedy", {"name": "round-robin", "packets": 2}]),
        "queue": st.sampled_from(
            [
                {"size": "64KiB"},
                {"kind": "droptail"},
                {"kind": "codel", "target": "2ms"},
                {"kind": "fq-codel", "flows": 9},
            ]
        ),
        "reorder": st.sampled_from([{"mode": "none"}, {"timeout": "12.5ms"}]),
        "mtu": st.integers(576, 1432),
    },
)


@st.composite
def mappings(draw: st.DrawFn) -> dict[str, Any]:
    raw: dict[str, Any] = {"schema": 1, "name": draw(names), "link": draw(links)}
    raw["flow"] = draw(st.lists(flows, min_size=1, max_size=4))
    raw["warmup"] = draw(st.floats(1, 3600).map(format_time))
    raw["duration"] = draw(st.floats(1, 86400).map(format_time))
    raw["seed"] = draw(st.integers(0, 2**63 - 1))
    if draw(st.booleans()):
        raw["tunnel"] = draw(tunnels)
    if draw(st.booleans()):
        link = draw(st.sampled_from(raw["link"]))["name"]
        raw["event"] = [{"at": "500ms", "link": link, **draw(st.sampled_from([{"up": False}, {"loss": 0.5}]))}]
    return raw


@settings(max_examples=150, deadline=None)
@given(raw=mappings())
def test_what_is_written_reads_back_the_same(raw: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    scenario = parse(raw)
    path = tmp_path_factory.mktemp("round") / "scenario.toml"
    path.write_text(scenario.to_toml(), encoding="utf-8")
    again: Scenario = load(path)
    assert again == scenario
    assert again.to_toml() == scenario.to_toml()
    assert (again.warmup, again.link, again.flow) == (scenario.warmup, scenario.link, scenario.flow)


def test_file_names_in_a_sweep_start_where_its_file_lies(tmp_path: Path, right: str) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "mine.py").write_text(
        "from mpsim.tunnel.congestion import CongestionController\n"
        "class Mine(CongestionController):\n    name = 'mine'\n"
    )
    (tmp_path / "below" / "a.trace").write_text("1\n")
    swept = (
        '[sweep]\n"flow[0].congestion" = ["mine.py:Mine", "cubic"]\n"link[1].trace" = [{ down = "a.trace" }]\n'
        'tunnel.congestion.name = ["mine.py:Mine"]\n'
    )
    (tmp_path / "below" / "base.toml").write_text(f"{right}\n{swept}")
    (tmp_path / "over.toml").write_text('extends = "below/base.toml"\n')
    scenario = load(tmp_path / "over.toml")
    assert scenario.sweep == {
        "flow[0].congestion": ["below/mine.py:Mine", "cubic"],
        "link[1].trace": [{"down": "below/a.trace"}],
        "tunnel.congestion.name": ["below/mine.py:Mine"],
    }
    assert len(scenario.expand()) == 2
