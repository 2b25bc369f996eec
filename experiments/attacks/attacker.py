"""The third host's program: python -m experiments.attacks.attacker FOLDER ATTACK RATE SEED.

It says "ready", attacks until SIGTERM, and then tells as JSON how many frames it has sent, and how fast.
RATE is in frames/s, of attacks that answer what they hear at most so many.
"""

from __future__ import annotations

import json
import select
import signal
import socket
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random

from emulation.program import READY
from experiments.attacks import scene
from experiments.attacks.frames import ANSWERS, HEADERS, STREAMS, Answer, Frame, heard, read_recordings

TICK = 0.002  # s between two bursts
MOST_AT_ONCE = 200  # frames; what a stalled machine has missed is not made up for
ALL_PROTOCOLS = 0x0003  # ETH_P_ALL, linux/if_ether.h
LONGEST_FRAME = 65_535


class Attacker:
    """Sends until it is told to stop.

    Parameters
        rate: frames/s
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._sockets = [_open(segment) for segment in scene.SEGMENTS]
        self._stopped = False
        self.sent = self.sent_bytes = self.refused = 0
        signal.signal(signal.SIGTERM, self._stop)

    def _stop(self, *_: object) -> None:
        self._stopped = True

    def stream(self, frames: Iterator[Frame]) -> None:
        """Send one frame after the other at the rate."""
        begin = time.monotonic()
        done = 0
        while not self._stopped:
            time.sleep(TICK)
            due = int((time.monotonic() - begin) * self._rate)
            for frame in islice(frames, min(due - done, MOST_AT_ONCE)):
                self._send(frame)
            done = due

    def answer(self, answers: Answer) -> None:
        """Answer what is heard, at most at the rate."""
        begin = time.monotonic()
        while not self._stopped:
            ready, _, _ = select.select(self._sockets, [], [], TICK)
            for segment in (self._sockets.index(one) for one in ready):
                one = heard(segment, self._sockets[segment].recv(LONGEST_FRAME))
                if one is not None and self.sent < (time.monotonic() - begin) * self._rate:
                    for frame in answers(one):
                        self._send(frame)

    def _send(self, frame: Frame) -> None:
        segment, data = frame
        try:
            self._sockets[segment].send(data)
        except BlockingIOError:
            self.refused += 1
        else:
            self.sent += 1
            self.sent_bytes += len(data) - HEADERS


def _open(segment: int) -> socket.socket:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
    opened.bind((scene.interface(segment, scene.MALLORY), ALL_PROTOCOLS))
    return opened


def main(folder: Path, attack: str, rate: float, seed: int) -> None:
    """Attack until stopped, and tell what was sent."""
    recorded = read_recordings(folder)
    attacker = Attacker(rate)
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()
    begin = time.monotonic()
    if attack in ANSWERS:
        attacker.answer(ANSWERS[attack])
    else:
        attacker.stream(STREAMS[attack](recorded, Random(f"{seed}/{attack}")))
    report = {"sent": attacker.sent, "sent_bytes": attacker.sent_bytes, "refused": attacker.refused}
    sys.stdout.write(json.dumps({**report, "sent_per_s": attacker.sent / (time.monotonic() - begin)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]), int(sys.argv[4]))
