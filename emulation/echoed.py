"""Flows of requests and answers as the run sees them: started and stopped, measured by their own ends (echo.py)."""

from __future__ import annotations

import time
from typing import Any

from emulation import addresses as at
from emulation.echo import MESSAGE, name_of
from emulation.ends import ProgramFlow
from emulation.throughput import throughput
from emulation.traffic import Plan
from mpsim.metrics import answer_times, answers_row
from mpsim.result import SeriesRow

MODULE = "emulation.echo"


class EchoFlow(ProgramFlow):
    """Such a flow while the run goes on; its ends are named by their hosts."""

    def prepare(self) -> None:
        """Start both programs and wait until they are ready; the server listens from now on."""
        for host in at.END_HOSTS:
            name = name_of(self.plan, host)
            self._ends[host] = self._start_program(host, name, MODULE, str(self.plan.index), host)
        self._wait_ready(listening=at.SERVER)

    def start(self) -> None:
        """Let the client open the connection."""
        self._ends[at.CLIENT].go(time.monotonic())

    def stop(self) -> None:
        """The asker knows itself when it ends."""

    def finish(self) -> dict[str, Any]:
        """Wait for the last answers; return what both programs have counted."""
        asker = self.plan.sender
        answerer = at.SERVER if asker == at.CLIENT else at.CLIENT
        asked = self._ends[asker].stop()
        return {
            "name": self.plan.spec.name,
            "error": None if asked["connected"] else "the connection was never there",
            "asked": asked,
            "answered": self._ends[answerer].stop(),
        }


class EchoMeasure:
    """The figures of such a flow; the same shape as measuring.FlowMeasure.

    Parameters
        plan: the flow
        report: what EchoFlow.finish returned
        origin: the monotonic clock (s) at run time zero
        begin, end: the measured interval, s of run time
    """

    def __init__(self, plan: Plan, report: dict[str, Any], origin: float, begin: float, end: float) -> None:
        self.plan = plan
        self._begin, self._end = begin, end
        found = report["asked"]
        self._asked = [when - origin for when in found["asked"]]
        self._answered = [when - origin for when in found["answered"]]
        self._own = {"resets": len(found["resets"]), "mismatches": found["mismatches"]}

    @property
    def goodput(self) -> float:
        """Payload of answers in the measured interval, bit/s."""
        return float(self._counts()["goodput_bps"])

    def _counts(self) -> dict[str, Any]:
        return answers_row(self._asked, self._answered, (self._begin, self._end), MESSAGE)

    def row(self) -> dict[str, Any]:
        """Return the flow's row of the result."""
        spec = self.plan.spec
        return {"name": spec.name, "kind": spec.kind, "direction": spec.direction, **self._counts(), **self._own}

    def series(self) -> list[SeriesRow]:
        """Return throughput in bins, and the longest time to an answer of the requests of each bin."""
        spec = self.plan.spec
        rates = throughput(spec, ((when, MESSAGE) for when in self._answered), self._end)
        times = answer_times(self._asked, self._answered, self._end)
        return [*rates, *((t, f"flow/{spec.name}", spec.direction, "answer_time_s", longest) for t, longest in times)]
