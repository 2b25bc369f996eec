"""How well a call is heard: the E-model over a playout buffer, from what was sent and what arrived, in both worlds.

Rating: ITU-T G.107, R = 93.2 - Idd - Ie,eff (all other parameters at their defaults); Idd is that of the
recommendation at every delay, not a linear fit. G.711 (G.113, appendix I): Ie 0, Bpl 25.1 with packet loss
concealment, 4.3 without.

Playout: the buffer holds each packet until a fixed time (`playout`) after the least one-way delay of the last
second; what arrives later is late, and as good as lost. Mouth to ear: that least delay, the playout time, and
25 ms for the codec and 20 ms packets.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from typing import Any, NamedTuple

from mpsim.hosts.voip import SPEECH_BYTES
from mpsim.metrics import percentiles
from mpsim.units import BITS_PER_BYTE, MS_PER_S

CODEC_DELAY = 0.025  # s: a packet's speech, and the work of both ends
WINDOW = 1.0  # s of a value in the series
FEWEST = 10  # packets that a window's value needs

DEFAULT_RATING = 93.2  # G.107 with every parameter at its default
EQUIPMENT_IMPAIRMENT = 0.0  # Ie of G.711
ROBUSTNESS = {True: 25.1, False: 4.3}  # Bpl of G.711 with and without packet loss concealment
BURST_RATIO = (1.0, 8.0)  # what G.107 permits
_WORST, _BEST = 1.0, 4.5  # of a mean opinion score (G.107, annex B)
_CUBIC_DIPS_BELOW = 6.52  # rating under which annex B's cubic would give less than the worst


def delay_impairment(delay: float) -> float:
    """Return Idd of a mouth-to-ear delay (s), echo being perfectly cancelled."""
    if delay * MS_PER_S <= 100:
        return 0.0
    x = math.log2(delay * MS_PER_S / 100)
    return 25 * (math.pow(1 + x**6, 1 / 6) - 3 * math.pow(1 + (x / 3) ** 6, 1 / 6) + 2)


def loss_impairment(loss: float, burst_ratio: float = 1.0, *, concealment: bool = True) -> float:
    """Return Ie,eff of G.711; loss: ratio, late packets included; burst_ratio: 1 where losses are random."""
    percent = 100 * loss
    spread = percent / burst_ratio + ROBUSTNESS[concealment]
    return EQUIPMENT_IMPAIRMENT + (95 - EQUIPMENT_IMPAIRMENT) * percent / spread


def opinion(rating: float) -> float:
    """Return the mean opinion score of a rating R."""
    if rating < _CUBIC_DIPS_BELOW:
        return _WORST
    if rating >= 100:
        return _BEST
    return 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6


class Fate(NamedTuple):
    """What became of one packet: when it was sent (s), its one-way delay or NaN, its mouth-to-ear delay or NaN."""

    sent: float
    delay: float  # NaN: never arrived
    ear: float  # NaN: not played

    @property
    def late(self) -> bool:
        """Whether it arrived too late to be played."""
        return math.isnan(self.ear) and not math.isnan(self.delay)

    @property
    def played(self) -> bool:
        """Whether it was heard."""
        return not math.isnan(self.ear)


def fates(sent: Sequence[float], heard: Sequence[float], playout: float) -> Iterator[Fate]:
    """Yield the fate of every packet; sent, heard: s by packet number, heard is NaN for what never arrived."""
    least: deque[tuple[float, float]] = deque()  # (sent, delay) of the last second, delays growing
    for when, arrival in zip(sent, heard, strict=True):
        delay = arrival - when
        while least and least[0][0] <= when - WINDOW:
            least.popleft()
        if math.isnan(delay):
            yield Fate(when, math.nan, math.nan)
            continue
        while least and least[-1][1] >= delay:
            least.pop()
        least.append((when, delay))
        ear = least[0][1] + playout
        yield Fate(when, delay, ear + CODEC_DELAY if delay <= ear else math.nan)


def burst_ratio(heard: Sequence[bool]) -> float:
    """Return BurstR: the mean length of the runs of losses, over that of as many random losses."""
    runs = [len(list(run)) for played, run in groupby(heard) if not played]
    if not runs:
        return 1.0
    found = sum(runs) / len(runs) * (1 - sum(runs) / len(heard))
    return min(max(found, BURST_RATIO[0]), BURST_RATIO[1])


def score(packets: Sequence[Fate], *, concealment: bool) -> float | None:
    """Return the mean opinion score of some packets in a row; None: nothing was sent. Silence has the worst."""
    if not packets:
        return None
    ears = [packet.ear for packet in packets if packet.played]
    if not ears:
        return _WORST
    loss = 1 - len(ears) / len(packets)
    ratio = burst_ratio([packet.played for packet in packets])
    impairment = delay_impairment(sum(ears) / len(ears)) + loss_impairment(loss, ratio, concealment=concealment)
    return opinion(DEFAULT_RATING - impairment)


class Listening:
    """What one end of a call hears.

    Parameters
        sent, heard: when each packet was sent and arrived (s), by number; NaN: it never arrived
        stop: when the call was to end (s); what was sent later does not count
        ended: when it really ended (s), if that was sooner; what arrived later was not heard
        playout: s
        concealment: whether the codec conceals lost packets
    """

    def __init__(
        self,
        sent: Sequence[float],
        heard: Sequence[float],
        *,
        stop: float,
        ended: float | None = None,
        playout: float,
        concealment: bool,
    ) -> None:
        if ended is not None:
            heard = [when if when < ended else math.nan for when in heard]
        self._sent = sent
        self._fates = list(fates(sent, heard, playout))
        self._arrivals = sorted((when, number) for number, when in enumerate(heard) if not math.isnan(when))
        self._until = stop if ended is None else min(stop, ended)
        self._concealment = concealment

    def _between(self, begin: float, end: float) -> list[Fate]:
        first, beyond = (bisect_left(self._sent, min(edge, self._until)) for edge in (begin, end))
        return self._fates[first:beyond]

    def row(self, begin: float, end: float) -> dict[str, Any]:
        """Return the counts of an interval (s): of what was sent in it, but goodput and order of what arrived."""
        packets = self._between(begin, end)
        delays = [packet.delay for packet in packets if not math.isnan(packet.delay)]
        lost = len(packets) - len(delays)
        opinion_score = score(packets, concealment=self._concealment)
        received, disorder = self._order(begin, end)
        return {
            "goodput_bps": received * SPEECH_BYTES * BITS_PER_BYTE / (end - begin),
            "sent_packets": len(packets),
            "lost_packets": lost,
            "loss_ratio": lost / len(packets) if packets else None,
            "one_way_delay_s": percentiles(delays, 50, 95, 99),
            "retransmitted_packets": None,
            "out_of_order_ratio": disorder / received if received else None,
            "late_packets": sum(packet.late for packet in packets),
            "longest_gap_s": self._longest_gap(begin, end),
            "mos": None if opinion_score is None else round(opinion_score, 4),
        }

    def _order(self, begin: float, end: float) -> tuple[int, int]:
        received = disorder = 0
        highest = -1
        for when, number in self._arrivals:
            measured = begin <= when < end
            received += measured
            disorder += measured and number < highest
            highest = max(highest, number)
        return received, disorder

    def _longest_gap(self, begin: float, end: float) -> float | None:
        """Return the longest time without a packet (s), from the first one to the call's end."""
        end = min(end, self._until)
        times = [when for when, _ in self._arrivals if begin <= when < end]
        if not times:
            return round(end - begin, 6) if self._arrivals and self._arrivals[0][0] < begin < end else None
        if self._arrivals[0][0] < begin:
            times.insert(0, begin)
        return round(max(later - earlier for earlier, later in pairwise([*times, end])), 6)

    def windows(self, end: float) -> list[tuple[float, float]]:
        """Return (its beginning in s, mean opinion score) of every second of run time up to `end`."""
        found = []
        for number in range(math.ceil(min(end, self._until) / WINDOW)):
            packets = self._between(number * WINDOW, min((number + 1) * WINDOW, end))
            value = score(packets, concealment=self._concealment)
            if value is not None and len(packets) >= FEWEST:
                found.append((number * WINDOW, value))
        return found
