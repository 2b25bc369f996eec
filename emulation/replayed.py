"""Replayed flows as the run sees them: started and stopped like iperf3's, measured by their own two ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emulation.capturing import Seen
from emulation.measuring import FlowMeasure
from emulation.program import Program
from emulation.replay import end_hosts
from emulation.traffic import Plan, Starter
from mpsim.headers import EXPERIMENTAL

MODULE = "emulation.replay"


class ReplayFlow:
    """A replayed flow while the run goes on; `replay.write_schedules` has been there before.

    Parameters
        plan: the flow
        hosts: where programs are started
        folder: of the run
    """

    def __init__(self, plan: Plan, hosts: Starter, folder: Path) -> None:
        self.plan = plan
        self._hosts = hosts
        self._folder = folder
        self._ends: dict[str, Program] = {}

    def prepare(self) -> None:
        """Start both programs and wait until they are ready; the receiver listens from now on."""
        sender, receiver = end_hosts(self.plan.spec)
        for role, host in (("send", sender), ("receive", receiver)):
            name = f"replay-{self.plan.index}-{role}"
            self._ends[role] = Program(name, self._starter(host), MODULE, self._folder, role, str(self.plan.index))
        for program in self._ends.values():
            program.wait_ready()
        self._ends["receive"].go(0.0)

    def _starter(self, host: str) -> Callable[..., Any]:
        return lambda command, **options: self._hosts.start(host, command, **options)

    def start(self) -> None:
        """Let it begin."""
        self._ends["send"].go(time.monotonic())

    def processes(self) -> dict[str, int]:
        """Return the flow's processes that run."""
        return {end.name: end.process.pid for end in self._ends.values() if end.process.poll() is None}

    def stop(self) -> None:
        """The schedule ends by itself at the flow's stop."""

    def finish(self) -> dict[str, Any]:
        """End both programs; return what they counted."""
        report = {role: self._ends[role].stop() for role in ("send", "receive")}
        return {"name": self.plan.spec.name, "error": self._problem(report), "replay": report}

    def _problem(self, report: dict[str, Any]) -> str | None:
        failures, dropped = report["send"]["failures"], report["receive"]["dropped"]
        if failures:
            return f"{failures} packets could not be sent"
        return f"the receiver had no room for {dropped} packets" if dropped else None


class ReplayMeasure(FlowMeasure):
    """What is sent and received is known packet by packet, from the programs at both ends."""

    def __init__(self, plan: Plan, begin: float, end: float) -> None:
        super().__init__(plan, begin, end)
        self._highest = -1

    def belongs(self, seen: Seen) -> bool:
        return False  # its packets are not looked for in the captures of the hosts

    def _is_late(self, seen: Seen) -> bool:
        return seen.number < self._highest

    def _deliver(self, seen: Seen) -> None:
        self._highest = max(self._highest, seen.number)
        self.delivered += seen.payload

    def feed(self, report: dict[str, Any], origin: float) -> None:
        """Take a flow's report; origin: the monotonic clock at run time zero, s."""
        sent, received = report["send"], report["receive"]
        for number, when in enumerate(sent["times"]):
            self.on_sent(self._seen(number, when - origin, 0))
        arrivals = zip(received["numbers"], received["times"], received["payloads"], strict=True)
        for number, when, payload in arrivals:
            self.on_received(self._seen(number, when - origin, payload))
        self.finish()

    def _seen(self, number: int, when: float, payload: int) -> Seen:
        return Seen(when, self.plan.sender, EXPERIMENTAL, (0, 0), payload, number, 0, payload, False)
