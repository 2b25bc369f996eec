"""Replayed flows as the run sees them: started and stopped like iperf3's, measured by their own ends (replay.py)."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from emulation.ends import ProgramFlow
from emulation.replay import end_hosts
from emulation.throughput import throughput
from emulation.traffic import Plan, Starter
from mpsim.metrics import percentiles
from mpsim.result import SeriesRow
from mpsim.units import BITS_PER_BYTE

MODULE = "emulation.replay"


class ReplayedFlow(ProgramFlow):
    """A replayed flow while the run goes on; its schedule was written before, its ends are "send" and "receive"."""

    def __init__(self, plan: Plan, hosts: Starter, folder: Path) -> None:
        super().__init__(plan, hosts, folder)
        self._sent: dict[str, Any] | None = None

    def prepare(self) -> None:
        """Start both programs and wait until they are ready; the receiver listens from now on."""
        sender, receiver = end_hosts(self.plan.spec)
        for role, host in (("send", sender), ("receive", receiver)):
            name = f"replay-{self.plan.index}-{role}"
            self._ends[role] = self._start_program(host, name, MODULE, role, str(self.plan.index))
        self._wait_ready(listening="receive")

    def start(self) -> None:
        """Let it begin."""
        self._ends["send"].go(time.monotonic())

    def stop(self) -> None:
        """Let it end."""
        self._sent = self._ends["send"].stop()

    def finish(self) -> dict[str, Any]:
        """Return what both programs have counted."""
        sent, received = self._sent, self._ends["receive"].stop()
        assert sent is not None
        problem = f"{sent['failures']} packets could not be sent" if sent["failures"] else None
        if received["dropped"]:
            problem = f"the receiver had no room for {received['dropped']} packets"
        return {"name": self.plan.spec.name, "error": problem, "sent": sent, "received": received}


class ReplayedMeasure:
    """The figures of a replayed flow; the same shape as measuring.FlowMeasure.

    Parameters
        plan: the flow
        report: what ReplayedFlow.finish returned
        origin: the monotonic clock (s) at run time zero
        begin, end: the measured interval, s of run time
    """

    def __init__(self, plan: Plan, report: dict[str, Any], origin: float, begin: float, end: float) -> None:
        self.plan = plan
        self._received = report["received"]
        self._origin, self._end = origin, end
        self._row = _row(report["sent"], self._received, origin + begin, origin + end)

    @property
    def goodput(self) -> float:
        """Payload in the measured interval, bit/s."""
        return float(self._row["goodput_bps"])

    def row(self) -> dict[str, Any]:
        """Return the flow's row of the result."""
        spec = self.plan.spec
        return {"name": spec.name, "kind": spec.kind, "direction": spec.direction, **self._row}

    def series(self) -> list[SeriesRow]:
        """Return the flow's throughput in bins, each named by its beginning."""
        times = (when - self._origin for when in self._received["times"])
        return throughput(self.plan.spec, zip(times, self._received["payloads"], strict=True), self._end)


def _row(sent: dict[str, Any], received: dict[str, Any], begin: float, end: float) -> dict[str, Any]:
    """Return the counts in the contract's names; begin, end: the measured interval, s of the monotonic clock.

    A packet counts by its time of sending, but for goodput, delay and order, which go by the arrival.
    """
    times = sent["times"]
    sent_packets = sum(begin <= when < end for when in times)
    arrivals = list(zip(received["numbers"], received["times"], received["payloads"], strict=True))
    in_window = {number for number, _, _ in arrivals if begin <= times[number] < end}
    measured = [entry for entry in arrivals if begin <= entry[1] < end]
    highest, disorder = -1, 0
    for number, when, _ in arrivals:
        disorder += number < highest and begin <= when < end
        highest = max(highest, number)
    lost = sent_packets - len(in_window)
    return {
        "goodput_bps": sum(payload for _, _, payload in measured) * BITS_PER_BYTE / (end - begin),
        "sent_packets": sent_packets,
        "lost_packets": lost,
        "loss_ratio": lost / sent_packets if sent_packets else None,
        "one_way_delay_s": percentiles([when - times[number] for number, when, _ in measured], 50, 95, 99),
        "retransmitted_packets": None,
        "out_of_order_ratio": disorder / len(measured) if measured else None,
    }
