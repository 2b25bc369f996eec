"""The attack on two daemons: strangers on the cables between them write what they like into both portals' interfaces.

`attack` starts this file as the first process of namespaces of its own, as fault_emulation.py does.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from emulation import addresses as at
from experiments.fault_cables import ENDS, Cables, Translator
from experiments.fault_emulation import OTHER, PORT, RECORD, Portals, begin, ended, isolated, joined, outcome
from experiments.fault_plans import BYTES, EVERY, HOME, HORIZON, HOSTED, UNDISTURBED
from experiments.hostility import RATE, Evidence, Strangers
from mpsim.errors import WorldError
from mpsim.headers import UDP, address, ipv4, udp
from mpsim.tunnel.datagrams import HEADER_SIZE, INITIATION

TICK = 0.01  # s between two bursts of the strangers
SETTLE, LONGEST_SETTLE = 0.5, 15.0  # s without a refusal after the attack: everything has been read
_IPV4 = b"\x08\x00"
SHORTEST = HEADER_SIZE  # what is shorter a portal does not even count


class HostileCables(Cables):
    """Cables with strangers on them.

    Parameters
        seed: of the run
    """

    def __init__(self, seed: int) -> None:
        super().__init__(UNDISTURBED, seed)
        self.attacking = self.over = False
        self.strangers: dict[str, Strangers] = {}
        self.cookies = self.astray = self.echoed = 0
        self._seed = seed

    def invite(self, identities: Mapping[str, bytes]) -> None:
        """Let strangers look on, and attack as long as `attacking` says so."""
        for end, identity in identities.items():
            others = [(f"10.78.{path}.{2 if end == HOME else 1}", PORT) for path in EVERY]
            self.strangers[end] = Strangers(Random(f"strangers of {end} {self._seed}"), identity, others)
        for (path, sender), cable in self.cables.items():
            cable.on_datagram = partial(self._look, path, sender)
            if sender == HOME:
                cable.translate = partial(_to_portal, self.nats[path])
        self._attack(self.loop.now())

    def _look(self, path: int, sender: str, data: bytes, dropped: bool) -> None:
        if dropped or not data:  # to a port that only a stranger has
            handshake = bool(data) and data[0] & 0xF >= INITIATION
            self.cookies += handshake
            self.astray += not handshake
            return
        # The answer to an initiation with the other portal's address goes there, and is refused as unasked.
        self.echoed += self.attacking and data[0] & 0xF >= INITIATION
        for end, strangers in self.strangers.items():
            strangers.see(data, path, to_it=end != sender)

    def _attack(self, _: float) -> None:
        # Not on a grid: what was missed on a busy machine must not come in one burst, which the kernel would drop.
        self.loop.call_at(self.loop.now() + TICK, self._attack)
        if not self.attacking or self.over:
            return
        for end, strangers in self.strangers.items():
            for _number in range(round(RATE * TICK)):
                made = strangers.next()
                if made is None:
                    continue
                kind, strange = made
                if len(strange.data) >= SHORTEST and self._write(end, strange.data, strange.path, strange.source[1]):
                    strangers.sent[kind] += 1

    def _write(self, end: str, data: bytes, path: int, port: int) -> bool:
        """Write a datagram into a portal's interface, from the other one's address and this port."""
        mapping = self.nats[path].newest()
        if mapping is None:
            return False
        outside, inside = mapping
        if end == HOME:
            source, target, ports = f"10.78.{path}.2", f"10.78.{path}.1", (port, inside)
        else:
            source, target = f"10.78.{path}.1", f"10.78.{path}.2"
            ports = (outside if port == PORT else port, PORT)
        packet = ipv4(address(source), address(target), UDP, udp(ports, data))
        frame = _ethernet(OTHER[end], end, path) + packet
        try:
            os.write(self.taps[end, path], frame)
        except OSError:
            return False
        return True


def _to_portal(nat: Translator, frame: bytearray, header: int) -> bool:
    """Let a frame from home pass that goes to the other portal, and no other."""
    return int.from_bytes(frame[header + 2 : header + 4], "big") == PORT and nat.outward(frame, header)


def _ethernet(source: str, target: str, path: int) -> bytes:
    ends = [bytes.fromhex(at.ethernet_address(ENDS[end], path).replace(":", "")) for end in (target, source)]
    return b"".join(ends) + _IPV4


def attack(seed: int = 1, size: int = BYTES) -> Evidence:
    """Attack two daemons during a transfer of `size` bytes; let another one go undisturbed. Raises WorldError."""
    found = isolated("experiments.hostile_emulation", str(seed), str(size))
    if "error" in found:
        raise WorldError(found["error"])
    return Evidence(**found)


def evidence(seed: int, size: int, folder: Path) -> Evidence:
    """Make both transfers, the undisturbed one first, between the same portals."""
    with joined(lambda: HostileCables(seed), folder) as (cables, portals), ExitStack() as stack:
        cables.in_loop(partial(cables.invite, portals.identities))
        records = []
        before = _refused(portals)
        for attacked in (False, True):
            client = begin(stack, seed, size)
            before = _refused(portals)
            cables.attacking = attacked
            problem = "" if ended(client, HORIZON) else "the transfer does not end"
            cables.over = attacked
            if problem:
                client.kill()
            _wait_for_silence(portals)
            records.append(outcome(client, seed, size, portals, problem))
        refused = _refused(portals) - before
        sent: Counter[str] = Counter()
        for strangers in cables.strangers.values():
            sent += strangers.sent
        lost = refused.pop("lost by the kernel", 0)
        accepted = max(0, sent.total() + cables.echoed - refused.total() - lost)
        undisturbed, disturbed = records
        return Evidence(
            dict(sent),
            accepted,
            cables.astray + _elsewhere(portals),
            cables.cookies,
            dict(refused),
            disturbed.whole,
            disturbed.duration_s,
            undisturbed.duration_s,
            problem=disturbed.problem or undisturbed.problem,
        )


def _refused(portals: Portals) -> Counter[str]:
    """Return what both portals have refused so far, by cause, and what they were never given."""
    total: Counter[str] = Counter()
    for end in OTHER:
        status: dict[str, Any] = portals.status(end)
        total += Counter(status["portals"][0]["rejected"])
        total["unknown"] += status["unknown_datagrams"]
        total["lost by the kernel"] += status["receive_buffer_drops"]
    return total


def _wait_for_silence(portals: Portals) -> None:
    """Wait until both portals have read what has come: nothing more is refused for a while."""
    deadline, last = time.monotonic() + LONGEST_SETTLE, None
    while (now := _refused(portals)) != last and time.monotonic() < deadline:
        last = now
        time.sleep(SETTLE)


def _elsewhere(portals: Portals) -> int:
    """Return how many paths lead elsewhere than to the other portal."""
    found = 0
    for end, host in ((HOME, 2), (HOSTED, 1)):
        paths = portals.status(end)["portals"][0]["paths"]
        found += sum(one["remote"].rpartition(":")[0] != f"10.78.{number}.{host}" for number, one in enumerate(paths))
    return found


def main(folder: Path, seed: int, size: int) -> None:
    """Attack once and leave the evidence."""
    try:
        found = evidence(seed, size, folder).plain()
    except WorldError as error:
        found = {"error": str(error)}
    (folder / RECORD).write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
