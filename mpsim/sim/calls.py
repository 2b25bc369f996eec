"""A call on the clock: the client's phone calls the server's, whichever way the flow is measured."""

from __future__ import annotations

import math
from typing import Any

from mpsim.build import udp_headers
from mpsim.hosts.voip import SPEECH_BYTES, Called, Caller, Phone
from mpsim.result import SeriesRow
from mpsim.scenario import FlowSpec, Scenario
from mpsim.sim.flows import Flow
from mpsim.voice import Listening


class CallFlow(Flow):
    """A SIP call with speech both ways; its figures are those of the flow's direction."""

    def __init__(self, scenario: Scenario, spec: FlowSpec, key: int) -> None:
        super().__init__(scenario, spec)
        assert spec.hangup is not None  # the scenario filled it in
        headers = udp_headers(scenario)
        self.origin = "outbound"
        self.caller = self.source = Caller(key, hangup=spec.hangup, headers=headers)
        self.called = self.sink = Called(key + 1, hangup=spec.hangup, headers=headers)
        self._stop = scenario.warmup + (spec.stop if spec.stop is not None else scenario.duration)

    def _ends(self, direction: str) -> tuple[Phone, Phone]:
        """Return who speaks and who listens."""
        return (self.called, self.caller) if direction == "inbound" else (self.caller, self.called)

    def _listening(self, direction: str) -> Listening:
        speaker, listener = self._ends(direction)
        assert self.spec.playout is not None  # the scenario filled them in
        assert self.spec.concealment is not None
        return Listening(
            speaker.sent,
            [listener.heard.get(number, math.nan) for number in range(len(speaker.sent))],
            stop=self._stop,
            ended=self.caller.ended,
            playout=self.spec.playout,
            concealment=self.spec.concealment,
        )

    @property
    def delivered_bytes(self) -> int:
        return len(self._ends(self.spec.direction)[1].heard) * SPEECH_BYTES

    def counts(self) -> dict[str, Any]:
        answered, ended = self.caller.answered, self.caller.ended
        return {
            **self._listening(self.spec.direction).row(self.begin, self.end),
            "answered_s": None if answered is None else round(answered - self.begin, 6),
            "ended_s": None if ended is None else round(ended - self.begin, 6),
        }

    def series(self) -> list[SeriesRow]:
        name = f"flow/{self.spec.name}"
        return [
            (t, name, direction, "mos", value)
            for direction in ("inbound", "outbound")
            for t, value in self._listening(direction).windows(self.end)
        ]
