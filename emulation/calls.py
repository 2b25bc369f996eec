"""A call between two phones played by SIPp: signalling by caller.xml and called.xml, speech by its RTP streams.

The client calls, whichever way the flow is measured. Who hung up and when is taken from the captures and
from SIPp's log; what was heard, from the RTP numbers in the captures (mpsim/voice.py scores it).
"""

from __future__ import annotations

import math
import subprocess
import time
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from emulation import addresses as at
from emulation.capturing import UDP, Seen
from emulation.doctor import SIPP
from emulation.ends import HostedFlow
from emulation.throughput import throughput
from emulation.traffic import END_TIMEOUT, SERVER_TIMEOUT, Plan, Starter
from emulation.waiting import wait_until
from mpsim.errors import WorldError
from mpsim.hosts.voip import RTP_HEADER, SPEECH_BYTES, keep_alive
from mpsim.result import SeriesRow
from mpsim.units import MS_PER_S
from mpsim.voice import Listening

PROGRAM = SIPP
FIRST_MEDIA_PORT, MEDIA_PORTS = 20_000, 10  # of each flow: SIPp takes the first that is free
SPEECH_TIME = 1.0  # s of speech, repeated
SILENCE = b"\xff"  # of G.711 mu-law
HUNG_UP = "hung up"  # what caller.xml logs
_FAILED = frozenset({0, 1})  # exit statuses of SIPp after calls, good or failed; others are faults of the program
_BYE, _ACK = (int.from_bytes(text, "big") for text in (b"BYE ", b"ACK "))
_NUMBERS = 1 << 16  # RTP sequence numbers (RFC 3550, section 5.1)
_VERSION_2 = 2


class CallFlow(HostedFlow):
    """A call while the run goes on; its two ends are SIPp's."""

    def __init__(self, plan: Plan, hosts: Starter, folder: Path) -> None:
        super().__init__(plan, hosts, folder)
        self._phones: dict[str, subprocess.Popen[bytes]] = {}
        assert plan.spec.hangup is not None  # the scenario filled it in
        self._interval, self._allowed = keep_alive(plan.spec.hangup)

    def _path(self, name: str) -> Path:
        return self._folder / f"call-{self.plan.index}-{name}"

    def prepare(self) -> None:
        """Let the called phone wait for the call."""
        count = round(SPEECH_TIME * MS_PER_S / 20) * SPEECH_BYTES
        self._path("speech").write_bytes(SILENCE * count)
        hangup = round(self._interval * (self._allowed + 1) * MS_PER_S)
        self._start(at.SERVER, "called", hangup=hangup)
        if not wait_until(self._listens, SERVER_TIMEOUT):
            raise WorldError(f"flow {self.plan.spec.name}: {PROGRAM} did not start in the server host")

    def _listens(self) -> bool:
        table = Path(f"/proc/{self._phones[at.SERVER].pid}/net")
        port = f":{self.plan.server_port:04X} "
        return any(port in (table / name).read_text() for name in ("udp", "udp6") if (table / name).exists())

    def _start(self, host: str, name: str, **values: object) -> None:
        plan = self.plan
        mine, own_port = plan.server_address, plan.server_port
        target: list[str] = []
        if host == at.CLIENT:
            mine, own_port = plan.client_address, plan.client_port
            far = f"[{plan.server_address}]" if ":" in plan.server_address else plan.server_address
            target = [f"{far}:{plan.server_port}"]
        scenario = self._path(f"{name}.xml")
        text = Template((files("emulation") / f"{name}.xml").read_text())
        scenario.write_text(text.substitute(speech=self._path("speech"), **values))
        command = [
            PROGRAM, *target, "-sf", str(scenario), "-i", mine, "-p", str(own_port),
            "-mi", mine, "-mp", str(FIRST_MEDIA_PORT + MEDIA_PORTS * plan.index), "-m", "1", "-nostdin",
            # An answer that comes while nobody waits for it is no reason to end a call.
            "-default_behaviors", "all,-abortunexp",
            "-trace_err", "-error_file", str(self._path(f"{name}.err")),
            "-trace_logs", "-log_file", str(self._path(f"{name}.log")),
        ]  # fmt: skip
        self._phones[host] = self._hosts.start(host, command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def start(self) -> None:
        """Let the client call; its phone knows itself when it ends."""
        stop = time.time() + self.plan.stop - self.plan.start
        interval = round(self._interval * MS_PER_S)
        self._start(at.CLIENT, "caller", stop=f"{stop:.6f}", interval=interval, allowed=self._allowed)

    def stop(self) -> None:
        """The caller knows itself when it ends."""

    def finish(self) -> dict[str, Any]:
        """Wait for the call's end; return how it ended."""
        statuses = {}
        ended = []
        for host in (at.CLIENT, at.SERVER):
            phone = self._phones.get(host)
            if phone is None:
                continue
            try:
                statuses[host] = phone.wait(END_TIMEOUT)
                ended.append(host)
            except subprocess.TimeoutExpired:
                phone.kill()
                statuses[host] = phone.wait()
        wrong = [f"{host}: status {statuses[host]}" for host in ended if statuses[host] not in _FAILED]
        log = self._path("caller.log")
        return {
            "name": self.plan.spec.name,
            "error": f"{PROGRAM} failed ({', '.join(wrong)})" if wrong else None,
            "sipp": {"status": statuses, "ended": ended},
            "hung_up": log.exists() and HUNG_UP in log.read_text(errors="replace"),
        }

    def processes(self) -> dict[str, int]:
        """Return the flow's processes that run."""
        name = self.plan.spec.name
        return {f"{name} ({host})": phone.pid for host, phone in self._phones.items() if phone.poll() is None}


class CallMeasure:
    """The figures of a call; the same shape as measuring.FlowMeasure.

    Parameters
        plan: the flow
        report: what CallFlow.finish returned
        seen: what each of the two hosts saw
        begin, end: the measured interval, s of run time
    """

    def __init__(
        self, plan: Plan, report: Mapping[str, Any], seen: Mapping[str, Sequence[Seen]], begin: float, end: float
    ) -> None:
        self.plan = plan
        self._begin, self._end = begin, end
        said = [packet for packet in seen[at.CLIENT] if self._is_signal(packet) and packet.source == at.CLIENT]
        self._answered = next((packet.time for packet in said if packet.sequence == _ACK), None)
        bye = next((packet.time for packet in said if packet.sequence == _BYE), None)
        self._ended = bye if report["hung_up"] else None
        self._media = {
            "inbound": self._numbered(seen, at.SERVER, at.CLIENT),
            "outbound": self._numbered(seen, at.CLIENT, at.SERVER),
        }
        self._row = self._listening(plan.spec.direction).row(begin, end)

    def _is_signal(self, packet: Seen) -> bool:
        return packet.protocol == UDP and packet.ports == (self.plan.client_port, self.plan.server_port)

    def _is_speech(self, packet: Seen) -> bool:
        first = FIRST_MEDIA_PORT + MEDIA_PORTS * self.plan.index
        return (
            packet.protocol == UDP
            and packet.payload == SPEECH_BYTES + RTP_HEADER
            and all(first <= port < first + MEDIA_PORTS for port in packet.ports)
            and packet.sequence >> 30 == _VERSION_2
        )

    def _numbered(
        self, seen: Mapping[str, Sequence[Seen]], speaker: str, listener: str
    ) -> tuple[list[float], list[float]]:
        """Return when each RTP packet of a direction was sent and heard (s, by number)."""
        sent: dict[int, float] = {}
        heard: dict[int, float] = {}
        for host, times in ((speaker, sent), (listener, heard)):
            expected = 0
            for packet in seen[host]:
                if packet.source == speaker and self._is_speech(packet):
                    number = _unwrapped(packet.sequence % _NUMBERS, expected)
                    expected = max(expected, number + 1)
                    times.setdefault(number, packet.time)
        numbers = sorted(sent)
        return [sent[number] for number in numbers], [heard.get(number, math.nan) for number in numbers]

    def _listening(self, direction: str) -> Listening:
        spec = self.plan.spec
        assert spec.playout is not None  # the scenario filled them in
        assert spec.concealment is not None
        sent, heard = self._media[direction]
        return Listening(
            sent,
            heard,
            stop=self.plan.stop,
            ended=self._ended,
            playout=spec.playout,
            concealment=spec.concealment,
        )

    @property
    def goodput(self) -> float:
        """Speech in the measured interval, bit/s."""
        return float(self._row["goodput_bps"])

    def row(self) -> dict[str, Any]:
        """Return the flow's row of the result."""
        spec = self.plan.spec
        times = {"answered_s": self._answered, "ended_s": self._ended}
        return {
            "name": spec.name,
            "kind": spec.kind,
            "direction": spec.direction,
            **self._row,
            **{name: None if when is None else round(when - self._begin, 6) for name, when in times.items()},
        }

    def series(self) -> list[SeriesRow]:
        """Return throughput in bins, and the score of each second in both directions."""
        spec = self.plan.spec
        heard = ((when, SPEECH_BYTES) for when in self._media[spec.direction][1] if not math.isnan(when))
        rates = throughput(spec, heard, self._end)
        scores = [
            (t, f"flow/{spec.name}", direction, "mos", value)
            for direction in self._media
            for t, value in self._listening(direction).windows(self._end)
        ]
        return [*rates, *scores]


def _unwrapped(number: int, expected: int) -> int:
    """Return the number nearest to `expected` of which the last 16 bits are `number`."""
    half = _NUMBERS // 2
    return expected + (number - expected + half) % _NUMBERS - half
