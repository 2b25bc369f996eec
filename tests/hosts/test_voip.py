"""Two phones and the way between them."""

from __future__ import annotations

import heapq
from collections.abc import Callable

import pytest

from mpsim.hosts.voip import BYE, INVITE, SIZES, Called, Caller, Speech, keep_alive
from mpsim.tunnel.packet import Packet


class Line:
    """Carries packets between two phones with a delay; `cut` says what is lost."""

    def __init__(self, cut: Callable[[float, Packet], bool] = lambda *_: False, hangup: float = 5.0) -> None:
        self.caller, self.called = Caller("there", hangup=hangup), Called("back", hangup=hangup)
        self.carried: list[tuple[float, Packet]] = []
        self._cut = cut
        self._flying: list[tuple[float, int, Packet]] = []

    def run(self, until: float, *, begin: float | None = None, stop: float = float("inf")) -> None:
        ends = (self.caller, self.called)
        if begin is not None:
            self.caller.start(begin)
            self._take(begin)
        while True:
            now = min([end.next_timeout() for end in ends] + [entry[0] for entry in self._flying[:1]])
            if stop <= min(now, until):
                self.caller.stop(stop)
                self._take(stop)
                stop = float("inf")
                continue
            if now > until:
                return
            while self._flying and self._flying[0][0] <= now:
                packet = heapq.heappop(self._flying)[2]
                (self.called if packet.flow == "there" else self.caller).receive(packet, now)
            for end in ends:
                end.handle_timeout(now)
            self._take(now)

    def _take(self, now: float) -> None:
        for end in (self.caller, self.called):
            for packet in end.packets_to_send():
                self.carried.append((now, packet))
                if not self._cut(now, packet):
                    heapq.heappush(self._flying, (now + 0.03, len(self.carried), packet))

    def messages(self, flow: str) -> list[tuple[float, str]]:
        return [(now, packet.payload) for now, packet in self.carried
                if packet.flow == flow and not isinstance(packet.payload, Speech)]  # fmt: skip


def test_a_call_from_its_beginning_to_its_end() -> None:
    line = Line()
    line.run(12.0, begin=1.0, stop=9.0)
    assert line.caller.answered == pytest.approx(1.06)
    assert line.called.answered == pytest.approx(1.09)
    assert line.caller.ended is None
    assert line.called.ended is None
    assert line.caller.sent[:3] == pytest.approx([1.06, 1.08, 1.10])
    assert len(line.caller.sent) == 397
    assert [line.caller.heard[number] - when for number, when in enumerate(line.called.sent)] == pytest.approx(
        [0.03] * len(line.called.sent)
    )
    said = [message for _, message in line.messages("there")]
    # One a second, counted from the answer, which takes 60 ms.
    assert said == ["INVITE", "ACK", *["OPTIONS"] * 8, BYE]
    assert {packet.size for _, packet in line.carried if isinstance(packet.payload, Speech)} == {200}
    assert next(packet.size for _, packet in line.carried) == SIZES[INVITE] + 28


def test_an_invitation_is_repeated_at_doubled_gaps() -> None:
    line = Line(lambda now, _: now < 3.6)
    line.run(6.0, begin=0.0)
    assert [now for now, message in line.messages("there") if message == INVITE] == pytest.approx([0, 0.5, 1.5, 3.5])
    line.run(9.0)
    assert line.caller.answered == pytest.approx(7.56)


def test_nobody_answers() -> None:
    line = Line(lambda *_: True)
    line.run(100.0, begin=0.0)
    assert line.caller.answered is None
    assert line.messages("there")[-1][0] < 32.0
    assert line.caller.sent == []


def test_a_lost_answer_is_repeated_until_it_is_acknowledged() -> None:
    line = Line(lambda now, packet: packet.payload == "ACK" and now < 2.0)
    line.run(4.0, begin=0.0)
    assert line.called.answered is not None
    assert 2.0 < line.called.answered < 4.0
    assert len(line.called.sent) > 10


@pytest.mark.parametrize("hangup", [2.0, 3.4, 5.0])
def test_silence_ends_the_call(hangup: float) -> None:
    line = Line(lambda now, _: now >= 4.0, hangup=hangup)
    line.run(30.0, begin=0.0)
    interval, _ = keep_alive(hangup)
    assert line.caller.ended is not None
    assert line.called.ended is not None
    # From the last answer, which came within an interval and a round trip before the cut.
    assert 4.0 + hangup - interval - 0.06 <= line.caller.ended <= 4.06 + hangup
    assert line.called.ended <= 4.06 + hangup
    assert line.caller.sent[-1] <= line.caller.ended


def test_a_short_silence_does_not() -> None:
    line = Line(lambda now, _: 4.0 <= now < 5.5)
    line.run(20.0, begin=0.0)
    assert line.caller.ended is None
    assert line.called.ended is None
    assert line.caller.heard[len(line.called.sent) - 10] > 19


def test_one_silent_direction_ends_it_at_both_ends() -> None:
    line = Line(lambda now, packet: now >= 4.0 and packet.flow == "back")
    line.run(30.0, begin=0.0)
    assert line.caller.ended is not None
    assert line.messages("there")[-1][1] == BYE
    # Told by the caller, the other stops to speak.
    assert line.called.sent[-1] == pytest.approx(line.caller.ended + 0.03, abs=0.021)
