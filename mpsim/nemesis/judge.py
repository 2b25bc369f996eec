"""Who looks at everything that crosses a boundary: packets in and out, datagrams in and out."""

from __future__ import annotations

from collections.abc import Sequence

from mpsim.nemesis.end import End
from mpsim.nemesis.inner import HOSTILE, Mark, mark_of
from mpsim.nemesis.invariants import Broken, demand, guard_of, session_of
from mpsim.nemesis.script import LATER, SIDES, Script
from mpsim.nemesis.wires import Sent, Wires
from mpsim.tunnel.datagrams import COOKIE, DATA, INITIATION, PARITY, RESPONSE, TAG_SIZE, Datagram, Handshake
from mpsim.tunnel.packet import Packet

SETTLED = 3.0  # s after a restart or a leap, if the ends hear each other, until nothing honest is refused any more
# What keeps them from that, or brings questions and answers late.
APART = frozenset({"blackhole", "one-way", "carrier", "corruption", "reordering"})
_Seal = tuple[bytes, int, bool, bytes]  # key, path, control, low 32 bits of the count


def is_handshake(data: bytes) -> bool:
    """Return whether honest bytes are a handshake message."""
    return data[0] & 0xF >= INITIATION


class Judge:
    """Holds what comes out against what went in.

    Parameters
        script: what is done
        wires: who has had which address
        ends: by side
    """

    def __init__(self, script: Script, wires: Wires, ends: dict[str, End]) -> None:
        self._script, self._wires, self._ends = script, wires, ends
        self._given: dict[Mark, bytes] = {}
        self.delivered: dict[Mark, float] = {}  # by the first life that delivered it
        self._in_life: dict[tuple[str, int], set[Mark]] = {}
        self._sealed: dict[Mark, tuple[int, ...]] = {}  # lives of the receiver for which a packet was sealed
        self._highest: dict[tuple[str, int, int, int], int] = {}
        self._passed: dict[tuple[str, int, int, int], int] = {}
        self._nonces: set[_Seal] = set()
        self._answered: dict[tuple[str, int], list[int]] = {}  # stamps of the initiations that a life has answered
        self._initiations: dict[bytes, int] = {}  # without mac2: its stamp
        self._disturbed_until = 0.0

    def disturbed(self, now: float) -> None:
        """Take note that keys and sessions have reason to change."""
        until = now + SETTLED
        for fault in self._script.faults:
            over = fault.at + fault.lasts + LATER.get(fault.kind, 0.0)
            if fault.kind in APART and fault.at < now + SETTLED and over > now:
                until = max(until, over + SETTLED)
        self._disturbed_until = max(self._disturbed_until, until)

    # What goes in.

    def on_given(self, mark: Mark, data: bytes) -> None:
        """Take note of a packet that an end was given."""
        self._given[mark] = data

    def on_sealed(self, end: End, datagram: Datagram, data: bytes) -> None:
        """Look at what an end has sealed."""
        if isinstance(datagram, Handshake):
            guard = guard_of(end.endpoint)
            if datagram.type == INITIATION and guard is not None:
                self._initiations.setdefault(data[:-TAG_SIZE], guard._last_stamp)
            return
        if datagram.type == DATA:
            mark = mark_of(datagram.packet.payload)  # type: ignore[union-attr]
            other = self._ends[end.other].life
            if mark is not None and other not in self._sealed.get(mark, ()):
                self._sealed[mark] = (*self._sealed.get(mark, ()), other)
        self.on_nonce(end, data)

    def on_nonce(self, end: End, data: bytes) -> None:
        """Look at the nonce of what an end has sealed by the session that it has."""
        session = session_of(end)
        if session is not None:
            used = (session._send_key, data[2], data[0] & 0xF not in (DATA, PARITY), data[12:16])
            demand(used not in self._nonces, "nonces", f"{end.side}: path {data[2]}, {data[12:16].hex()} again")
            self._nonces.add(used)

    def on_sent(self, end: End, datagram: Datagram, to: tuple[str, int]) -> None:
        """Look at where an end sends a datagram that is no handshake message."""
        known = self._wires.owned[end.other][datagram.path]
        demand(to in known, "addresses", f"{end.side} sends {type(datagram).__name__} by path {datagram.path} to {to}")

    # What comes in.

    def refused(self, end: End, sent: Sent, now: float, causes: str) -> None:
        """Judge that an end has refused what is honest."""
        sender, guard = self._ends[sent.side], end.endpoint.guard
        excused = (
            is_handshake(sent.data)
            or now < self._disturbed_until
            or (sent.life, sent.peer_life) != (sender.life, end.life)
            or bool(sender.hostile or end.hostile)
            or (guard is not None and guard.handshakes >= sent.peer_handshakes + 2)
        )
        demand(excused, "honest", f"{end.side} refuses datagram {sent.number} sent at {sent.at:.3f} s as {causes}")

    def answered_stranger(self, end: End, question: bytes, answers: Sequence[Datagram]) -> None:
        """Judge what an end says to what is not the other end's, or came before."""
        demand(not end.endpoint.deliverable, "authentic", f"{end.side} delivers what a stranger has sent")
        initiation = bool(question) and question[0] & 0xF == INITIATION
        for answer in answers:
            kind = answer.type if isinstance(answer, Handshake) else -1
            demand(initiation and kind in (COOKIE, RESPONSE), "silent", f"{end.side} answers by type {answer.type}")
            if kind == RESPONSE:
                self._check_response(end, question)
            self.check_length(end, question, answer)

    def answered_peer(self, end: End, question: bytes, answers: Sequence[Datagram]) -> None:
        """Take note of what an end says to the other end's handshake message."""
        for answer in answers:
            if isinstance(answer, Handshake) and answer.type == RESPONSE and question[0] & 0xF == INITIATION:
                stamps = self._answered.setdefault((end.side, end.life), [])
                stamps.append(self._initiations[question[:-TAG_SIZE]])

    def _check_response(self, end: End, question: bytes) -> None:
        stamp = self._initiations.get(question[:-TAG_SIZE])
        demand(stamp is not None, "silent", f"{end.side} responds to an initiation that nobody has sent")
        assert stamp is not None
        # By its stamp: one that was sent later is older if a clock was set back in between.
        stamps = self._answered.setdefault((end.side, end.life), [])
        newest = max(stamps, default=-1)
        demand(stamp > newest, "silent", f"{end.side} responds to an initiation of {stamp} after {newest}: a replay")
        stamps.append(stamp)

    @staticmethod
    def check_length(end: End, question: bytes, answer: Datagram) -> None:
        """Check that an answer is no longer than its question."""
        if isinstance(answer, Handshake):
            size = len(answer.data)
            demand(size <= len(question), "cheap", f"{end.side} answers {len(question)} bytes by {size}")

    # What comes out.

    def on_delivered(self, end: End, packet: Packet, now: float) -> None:
        """Judge an inner packet that an end delivers."""
        sender = self._ends[end.other]
        mark = mark_of(packet.payload)
        if sender.hostile and (mark is None or mark.life == HOSTILE or mark not in self._given):
            return  # who has the keys may send what he likes
        if mark is None or self._given.get(mark) != packet.payload or SIDES[mark.side] != end.other:
            raise Broken("authentic", f"{end.side} delivers what {end.other} was not given: {mark}")
        life = self._in_life.setdefault((end.side, end.life), set())
        demand(mark not in life, "once", f"{end.side} delivers {mark} again")
        life.add(mark)
        if self._script.mode != "none" and not sender.hostile:
            fresh = end.life in self._sealed.get(mark, ())
            # Parity recovers what was sealed before.
            fresh = fresh or "parity" in self._script.tunnel["repair"]
            demand(fresh, "once", f"{end.side} delivers {mark}, which was sealed for an earlier life")
        self.delivered.setdefault(mark, now)
        if self._script.tunnel["reorder"]["mode"] != "equalise" and not (sender.hostile or end.hostile):
            self._check_order(end, mark, packet)

    def _check_order(self, end: End, mark: Mark, packet: Packet) -> None:
        key = (end.side, end.life, mark.life, mark.cls)
        highest = self._highest.get(key, -1)
        if mark.number > highest:
            self._highest[key] = mark.number
            return
        passed = self._passed[key] = self._passed.get(key, 0) + 1
        buffer = end.endpoint.incoming.reorder.get(mark.cls)
        if buffer is not None and mark.life == self._ends[end.other].life:
            demand(passed <= buffer.late, "order", f"{end.side} delivers {mark} after {highest}")
