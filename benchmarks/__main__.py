"""Time the simulation and the portal: python -m benchmarks [--quick] [--profile].

Every line compares runs that alternate within this one process, by CPU time; medians are shown, and
ratios are what to trust. --quick: once each and shorter. --profile: where the time goes, to docs/profile.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks import goodput, memory, ours, peer, profiling, security
from benchmarks.ours import Cost
from benchmarks.table import Line, write
from mpsim.tunnel import path

OUT = {False: Path("results/bench.md"), True: Path("results/bench-compiled.md")}
# Whether the packet path in use is the one that `make fast` compiled.
COMPILED = not str(path.__file__).endswith(".py")


def alternate(repetitions: int, *cases: Callable[[], Cost]) -> list[list[Cost]]:
    """Run the cases A B A B ..., each so many times; return the costs of each case."""
    costs: list[list[Cost]] = [[] for _ in cases]
    for _ in range(repetitions):
        for case, found in zip(cases, costs, strict=True):
            found.append(case())
    return costs


def rate(costs: list[Cost]) -> float:
    """Median packet-hops per CPU second."""
    return median(cost.rate for cost in costs)


def against(name: str, target: float, first: list[Cost], second: list[Cost]) -> Line:
    """A line with our packet-hops per CPU second, the peer's and their ratio."""
    mine, other = rate(first), rate(second)
    return Line(name, f"{mine / 1e3:.0f} k hops/s", f"ns.py {other / 1e3:.1f} k hops/s", mine / other, target)


def measure(repetitions: int, scale: float) -> list[Line]:
    """Run everything; scale: of the simulated times."""
    seconds = 100 * scale
    udp, peer_udp, bulk, peer_bulk = alternate(
        repetitions,
        lambda: ours.cost(ours.udp(2 * seconds)),
        lambda: peer.udp(seconds),
        lambda: ours.cost(ours.bulk(2 * seconds)),
        lambda: peer.bulk(seconds),
    )
    lines = [
        against("UDP at constant rate, one link", 5, udp, peer_udp),
        against("one bulk TCP flow, one link", 4, bulk, peer_bulk),
    ]
    (tunnel,) = alternate(repetitions, lambda: ours.cost(ours.two_paths(seconds)))
    lines.append(tunnel_line(tunnel))
    slow, fast, fast_tunnel = alternate(
        repetitions,
        lambda: ours.cost(ours.bulk(2 * seconds)),
        lambda: ours.cost(ours.fast_bulk(4 * scale)),
        lambda: ours.cost(ours.fast_two_paths(3 * scale)),
    )
    lines.append(per_packet("TCP at 1 Gbit/s against 16 Mbit/s", fast, slow))
    lines.append(per_packet("tunnel at 2 x 500 Mbit/s against 16 + 8", fast_tunnel, tunnel))
    lines.append(memory_line(scale))
    return [*lines, *security.lines(repetitions, scale), *goodput.lines(repetitions, scale)]


def tunnel_line(costs: list[Cost]) -> Line:
    """Judge how fast a tunnel is simulated."""
    speed = median(cost.simulated_s / cost.cpu_s for cost in costs)
    told, hops = f"{speed:.1f} simulated s per CPU s", f"{rate(costs) / 1e3:.0f} k hops/s"
    return Line("tunnel over 16 + 8 Mbit/s", told, hops, speed, 40)


def per_packet(name: str, fast: list[Cost], slow: list[Cost]) -> Line:
    """Judge what a packet costs on a fast link against a slow one."""
    mine, base = (f"{1e6 / rate(costs):.2f} us" for costs in (fast, slow))
    return Line(f"CPU per packet, {name}", mine, base, rate(slow) / rate(fast), 1.3, at_most=True)


def memory_line(scale: float) -> Line:
    """Judge whether memory grows with the simulated time."""
    short, long = memory.peak_mib(round(60 * scale)), memory.peak_mib(round(600 * scale))
    name = "peak memory, ten times the simulated time"
    return Line(name, f"{long:.1f} MiB", f"{short:.1f} MiB", long / short, 1.1, at_most=True)


def main() -> None:
    """Measure or profile, by the arguments."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="once each and shorter; writes nothing")
    parser.add_argument("--profile", action="store_true", help="profile the tunnel, write docs/profile.md")
    options = parser.parse_args()
    if options.profile:
        profiling.write(Path("docs/profile.md"))
        return
    lines = measure(1, 0.2) if options.quick else measure(3, 1.0)
    write(lines, None if options.quick else OUT[COMPILED], compiled=COMPILED)


if __name__ == "__main__":
    main()
