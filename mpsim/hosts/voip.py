"""A call between two phones: SIP signalling (RFC 3261) and G.711 speech over RTP, both ways, every 20 ms.

INVITE, 200, ACK as in RFC 3261 (T1 0.5 s, doubled; given up after 64 T1); then the caller asks about once a
second (OPTIONS within the dialogue, each sent once), and hangs up when for `hangup` no answer has come. The called
phone ends when it is told (BYE), or has heard no question for as long. Real phones wait half a minute or longer
before they notice; who talks hangs up sooner.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from mpsim.hosts.agent import Outgoing
from mpsim.tunnel.packet import CLASS_UDP, Packet

NEVER = float("inf")
PACKET_TIME = 0.020  # s of speech in a packet (RFC 3551, section 4.2)
SPEECH_BYTES = 160  # of G.711 in it
RTP_HEADER = 12  # bytes (RFC 3550, section 5.1)
T1, T2 = 0.5, 4.0  # s (RFC 3261, section 17.1.1.1)
GIVE_UP = 64 * T1
INVITE, ACCEPT, ACK, OPTIONS, OK, BYE = "INVITE", "200 to INVITE", "ACK", "OPTIONS", "200", "BYE"
# Bytes of UDP payload of the messages in the emulated world (emulation/caller.xml, called.xml).
SIZES = {INVITE: 451, ACCEPT: 417, ACK: 267, OPTIONS: 275, OK: 230, BYE: 267}


def keep_alive(hangup: float) -> tuple[float, int]:
    """Return how often a caller asks whether the other end is there (s), and how often in vain before it hangs up.

    About once a second, so that `hangup` (s) after the last answer the call is over.
    """
    count = max(2, round(hangup))
    return hangup / count, count - 1


class Speech:
    """Payload of an RTP packet: its number, and when it was sent (s)."""

    __slots__ = ("number", "time")

    def __init__(self, number: int, time: float) -> None:
        self.number = number
        self.time = time


class Phone(Outgoing, ABC):
    """One end of a call: speaks while it is in it, and keeps when it spoke and what it heard.

    Parameters
        flow: flow key of what it sends
        hangup: s without a sign of the other end after which the call is over
        headers: bytes of IP and UDP header
    """

    silent = False

    def __init__(self, flow: object, *, hangup: float = 5.0, headers: int = 28) -> None:
        super().__init__()
        self.flow = flow
        self.hangup = hangup
        self.headers = headers
        self.sent: list[float] = []  # s, by packet number
        self.heard: dict[int, float] = {}  # s, by the other's packet number
        self.answered: float | None = None  # s, when this end knew that the call stands
        self.ended: float | None = None  # s, when it hung up because nothing came back
        self._talking = False
        self._over = False
        self._speak_at = NEVER
        self._resend: str | None = None  # the message that waits for an answer
        self._resend_at = self._give_up_at = NEVER
        self._resend_after = T1
        self._alive_at = NEVER  # the next time that something is due to show that the call lives

    def receive(self, packet: Packet, now: float) -> None:
        payload = packet.payload
        if isinstance(payload, Speech):
            self.heard.setdefault(payload.number, now)
        elif not self._over:
            self._on_signal(payload, now)

    @abstractmethod
    def _on_signal(self, message: str, now: float) -> None:
        """Take a message of the other phone."""

    @abstractmethod
    def _on_alive_timer(self, now: float) -> None:
        """Do what is due to show that the call lives, or to end it."""

    def next_timeout(self) -> float:
        return min(self._speak_at, self._resend_at, self._alive_at)

    def handle_timeout(self, now: float) -> None:
        while self._speak_at <= now:
            size = SPEECH_BYTES + RTP_HEADER + self.headers
            self._out.append(Packet(size, self.flow, Speech(len(self.sent), now), cls=CLASS_UDP))
            self.sent.append(now)
            assert self.answered is not None
            # From the beginning each time: a sum of gaps would drift.
            self._speak_at = self.answered + len(self.sent) * PACKET_TIME
        if self._resend_at <= now:
            self._repeat(now)
        if self._alive_at <= now:
            self._on_alive_timer(now)

    def stop(self, now: float) -> None:
        if self._talking and not self._over:
            self._say(BYE)
        self._leave()

    def _say(self, message: str) -> None:
        self._out.append(Packet(SIZES[message] + self.headers, self.flow, message, cls=CLASS_UDP))

    def _say_until_answered(self, message: str, now: float) -> None:
        self._resend, self._resend_after = message, T1
        self._resend_at, self._give_up_at = now + T1, now + GIVE_UP
        self._say(message)

    def _repeat(self, now: float) -> None:
        assert self._resend is not None
        if now >= self._give_up_at:
            self._leave()
            return
        self._say(self._resend)
        # Only the 200 is capped (section 13.3.1.4); an INVITE's gaps double on (section 17.1.1.2).
        doubled = 2 * self._resend_after
        self._resend_after = doubled if self._resend == INVITE else min(doubled, T2)
        self._resend_at = min(now + self._resend_after, self._give_up_at)

    def _talk(self, now: float) -> None:
        self._talking = True
        self._resend_at = NEVER
        self.answered = self._speak_at = now

    def _hang_up(self, now: float) -> None:
        self.ended = now
        self.stop(now)

    def _leave(self) -> None:
        self._over = True
        self._talking = False
        self._speak_at = self._resend_at = self._alive_at = NEVER


class Caller(Phone):
    """The phone that calls, and sees to it that the call still stands."""

    def __init__(self, flow: object, *, hangup: float = 5.0, headers: int = 28) -> None:
        super().__init__(flow, hangup=hangup, headers=headers)
        self._interval, self._allowed = keep_alive(hangup)
        self._asking = False
        self._missed = 0

    def start(self, now: float) -> None:
        """Call."""
        self._say_until_answered(INVITE, now)

    def _on_signal(self, message: str, now: float) -> None:
        if message == ACCEPT:
            self._say(ACK)
            if not self._talking:
                self._talk(now)
                self._ask(now)
        elif message == OK and self._asking:
            self._asking = False
            self._missed = 0
            self._alive_at = now + self._interval

    def _ask(self, now: float) -> None:
        self._asking = True
        self._alive_at = now + self._interval
        self._say(OPTIONS)

    def _on_alive_timer(self, now: float) -> None:
        self._missed += self._asking
        if self._missed >= self._allowed:
            self._hang_up(now)
        else:
            self._ask(now)


class Called(Phone):
    """The phone that is called, and answers at once."""

    def _on_signal(self, message: str, now: float) -> None:
        if message == INVITE and self._resend is None:
            self._say_until_answered(ACCEPT, now)
        elif message == INVITE and not self._talking:
            self._say(ACCEPT)
        elif message == ACK and not self._talking:
            self._talk(now)
            self._alive_at = now + self.hangup
        elif message == OPTIONS:
            self._say(OK)
            self._alive_at = now + self.hangup
        elif message == BYE:
            self._say(OK)
            self._leave()

    def _on_alive_timer(self, now: float) -> None:
        self.ended = now
        self._leave()
