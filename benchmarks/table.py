"""The table of what was measured."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

NOTES = """\
Packet-hops: one packet, data or acknowledgement, through one link. Medians of alternating runs in one
process, by CPU time; absolute figures depend on the machine, ratios less so.

What is compared is not the same work. ns.py's packets carry no headers (no SACK, no timestamps, an ACK for
every segment, a timer process for each), its links are two SimPy processes each, and here it records no
statistics; ours keep a SACK scoreboard, RACK-TLP, delayed acknowledgements, one-way delays and queueing
delays of every packet, and series in bins of 0.1 s, and their time includes building the scenario and its
result. ns.py's TCP sends with a window capped at 100 packets, because it does not survive losses; ours fills
the queue and recovers.
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing measured: ours, what it is compared with, their ratio and its target."""

    name: str
    ours: str
    other: str
    ratio: float
    target: float
    at_most: bool = False

    @property
    def reached(self) -> bool:
        """Whether the target is reached."""
        return self.ratio <= self.target if self.at_most else self.ratio >= self.target

    def cells(self) -> tuple[str, ...]:
        """Return the row of the table."""
        sign = "<=" if self.at_most else ">="
        verdict = "yes" if self.reached else "NO"
        return (self.name, self.ours, self.other, f"{self.ratio:.2f}", f"{sign} {self.target:g}", verdict)


COMPILED_NOTES = """\
Here the packet path (tunnel, network, hosts, wiring) is compiled by mypyc from the same sources
(`make fast`); schedulers, congestion control and the clock stay interpreted. The results are equal.
"""


def write(lines: list[Line], out: Path | None, *, compiled: bool) -> None:
    """Print the table, and keep it as Markdown where asked to; compiled: what was measured is."""
    head = ("what", "ours", "compared with", "ratio", "target", "reached")
    rows = [head, ("---",) * len(head), *(line.cells() for line in lines)]
    text = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    print(text)
    if out is None:
        return
    where = f"Python {platform.python_version()}, SimPy {version('simpy')}, ns.py {version('ns.py')}, one core."
    out.parent.mkdir(parents=True, exist_ok=True)
    title = "How fast the compiled simulation is" if compiled else "How fast the simulation is"
    notes = f"{COMPILED_NOTES}\n{NOTES}" if compiled else NOTES
    out.write_text(f"# {title}\n\n`make bench`; {where}\n\n{text}\n\n{notes}")
