"""Long random lives: schedulers, congestion control and whole tunnels, many more than make test has time for."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from pairing import Pair
from simulating import build, link, tcp, udp

from mpsim.contract.congestion import History
from mpsim.contract.scheduling import play
from mpsim.scenario.limits import WORDS
from mpsim.sim import run
from mpsim.tunnel.congestion import controllers
from mpsim.tunnel.datagrams import Datagram
from mpsim.tunnel.repair import repairs
from mpsim.tunnel.schedulers import schedulers


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", controllers.names())
def test_congestion_control(name: str) -> None:
    for seed in range(2000):
        random = Random(seed)
        assert len(History(controllers.create(name)).play([random.randrange(10**6) for _ in range(500)])) == 500


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", schedulers.names())
def test_scheduler(name: str) -> None:
    for seed in range(2000):
        random = Random(seed)
        assert play(schedulers.create(name), 1 + seed % 6, [random.randrange(10**6) for _ in range(300)], seed)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("repair", [[], repairs.names()], ids=["alone", "repaired"])
@pytest.mark.parametrize("reorder", WORDS["tunnel.reorder.mode"].now)
def test_tunnels_deliver_nothing_twice_and_come_back(reorder: str, repair: list[str]) -> None:
    """Random loss, cuts and restarts; when all is well again, everything gets through."""
    for seed in range(200):
        random = Random(seed)
        dark: set[int] = set()

        def loses(
            side: str, path: int, datagram: Datagram, count: int, random: Random = random, dark: set[int] = dark
        ) -> bool:
            return path in dark or random.random() < 0.03

        tunnel = {"reorder": {"mode": reorder}, "repair": repair}
        pair = Pair(0.01, random.uniform(0.005, 0.2), 0.05, tunnel=tunnel, loses=loses)
        pair.run(1.0)
        for number in range(800):
            pair.send(number)
            pair.send(number, side="remote")
            pair.run(pair.now + random.choice((0.0005, 0.005, 0.02)))
            if random.random() < 0.01:
                dark ^= {random.randrange(3)}
        for side in ("local", "remote"):
            arrived = pair.payloads(side)
            assert len(arrived) == len(set(arrived)), f"seed {seed}"
        pair.loses = lambda *_: False
        pair.run(pair.now + 20.0)
        pair.restart(random.choice(("local", "remote")), epoch=seed + 1000)
        pair.run(pair.now + 20.0)
        pair.delivered = {"local": [], "remote": []}
        for number in range(1000, 1050):
            pair.send(number)
            pair.send(number, side="remote")
            pair.run(pair.now + 0.02)
        pair.run(pair.now + 2.0)
        for side in ("local", "remote"):
            assert sorted(pair.payloads(side)) == list(range(1000, 1050)), f"seed {seed}, {side}"


def _random_scenario(random: Random) -> Any:
    wires = [
        link(
            f"{random.choice((1, 4, 10, 30))}Mbit",
            f"{random.randrange(1, 120)}ms",
            name,
            loss=random.choice((0.0, 0.001, 0.02)),
            queue=random.choice(("20p", "100p", "64KiB", "1bdp")),
            metric=random.choice((0, 0, 0, 5)),
        )
        for name in "abc"[: random.randrange(1, 4)]
    ]
    names = [wire["name"] for wire in wires]
    events: list[dict[str, Any]] = []
    for at in sorted(random.sample(range(1, 8), 3)):
        change: dict[str, Any] = random.choice(
            ({"up": False}, {"up": True}, {"rate": "2Mbit"}, {"delay": "70ms"}, {"loss": 0.05})
        )
        events.append({"at": f"{at}s", "link": random.choice(names), **change})
    tunnel = {
        "scheduler": random.choice(schedulers.names()),
        "congestion": random.choice(controllers.names()),
        "loss_detection": random.choice(("rfc9002", "nack")),
        "queue": {"kind": random.choice(WORDS["tunnel.queue.kind"].now)},
        "reorder": {"mode": random.choice(WORDS["tunnel.reorder.mode"].now)},
        "repair": random.sample(repairs.names(), random.randrange(3)),
    }
    flows = [
        tcp(random.choice(("cubic", "newreno"))),
        udp("1Mbit", direction="outbound"),
        {"name": "p", "kind": "ping"},
    ]
    return build(wires, *flows, tunnel=tunnel, warmup="2s", duration="8s", seed=random.randrange(1000), events=events)


@pytest.mark.timeout(3600)
def test_random_scenarios_are_reproducible_and_add_up() -> None:
    for seed in range(100):
        scenario = _random_scenario(Random(seed))
        first, again = run(scenario), run(scenario, through_bytes=True)
        for result in (first, again):
            for key in ("wall_s", "versions"):
                del result.data[key]
        assert first.data == again.data, f"seed {seed}"
        assert first.series_csv() == again.series_csv()
        for row in first.data["links"]:
            total = row["total"]
            assert total["offered_packets"] >= total["delivered_packets"] + sum(total["drops"].values())
            assert row["delivered_bps"] <= 1.02 * max(row["capacity_bps"], 1) + 1500 * 8
        assert first.data["tunnel"]["rejected"] == {"malformed": 0, "forged": 0, "replayed": 0}, f"seed {seed}"
