"""What has to hold at any time, whatever happens to the tunnel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isfinite

from mpsim.nemesis.end import End
from mpsim.tunnel.datagrams import MOST_RANGES
from mpsim.tunnel.dispatch import MOST_QUEUED
from mpsim.tunnel.endpoint import Endpoint
from mpsim.tunnel.path import Path
from mpsim.tunnel.peer import MOST_QUESTIONS
from mpsim.tunnel.reorder.base import MOST_MISSING
from mpsim.tunnel.repair.recovery import MOST_BLOCKS, MOST_KEPT
from mpsim.tunnel.security.pending import MOST_ATTEMPTS
from mpsim.tunnel.security.session import Session

INVARIANTS: Mapping[str, str] = {
    "survives": "nothing that comes in raises an exception",
    "authentic": "what comes out went in at the other end, unchanged",
    "once": "no packet comes out twice, and none that was sealed for an earlier life",
    "order": "packets of a class come out in order, but for those whose hole was given up, which are counted as late",
    "honest": "what the other end has sealed is not refused, though it be late by 2 s",
    "silent": "nothing is answered to what is not authentic, but for a cookie to an initiation",
    "cheap": "no answer is longer than its question, and keys are agreed upon only so often",
    "addresses": "nothing goes to an address that the other end has not had",
    "nonces": "no nonce is used twice under one key",
    "flight": "windows, queues and what is in flight add up, and are not negative",
    "conserved": "each packet is waiting, dropped or numbered; each datagram in flight, acknowledged or lost",
    "memory": "nothing that is remembered grows beyond its bound",
    "time": "time goes on: an alarm lies ahead, and not thousands of them in one moment",
    "alive": "2 s after the last fault packets arrive, all of them",
    "drained": "when nothing is sent any more nothing is in flight, waiting or remembered as such",
}
MOST_CLASSES = 4
MOST_CAUSES = 16
MOST_KEYS = 200  # drawn in a second: three allowances of handshakes, their cookies' secrets, and some of its own
MOST_HELD = 16_384  # packets in a reorder buffer (its default)


class Broken(Exception):  # noqa: N818  # what happened to the invariant
    """An invariant that does not hold: which, and how."""

    def __init__(self, invariant: str, sentence: str) -> None:
        super().__init__(f"{invariant}: {sentence}")
        self.invariant = invariant


def demand(holds: bool, invariant: str, sentence: str) -> None:
    """Raise Broken unless something holds."""
    if not holds:
        raise Broken(invariant, sentence)


def check(end: End) -> None:
    """Check everything that one end's state shows; raises Broken."""
    endpoint = end.endpoint
    for path in endpoint.paths:
        _check_path(path, end.side)
    dispatch, ingress = endpoint.dispatch, endpoint.ingress
    queued = sum(len(path.queue) for path in endpoint.paths)
    demand(dispatch._queued == queued, "flight", f"{end.side}: {dispatch._queued} said to be queued; {queued} are")
    waiting = numbered = 0
    for queue in ingress._queues.values():
        size = sum(packet.size for packet in queue.packets)
        demand(queue.bytes == size, "flight", f"{end.side}: {queue.bytes} bytes said to wait; {size} do")
        waiting += len(queue.packets)
        numbered += queue.next_sequence
    total = waiting + numbered + ingress.drops
    demand(
        endpoint.received_packets == total,
        "conserved",
        f"{end.side}: {endpoint.received_packets} packets came in; {waiting} wait, {numbered} are numbered, "
        f"{ingress.drops} dropped",
    )
    for name, size, most in _sizes(endpoint):
        demand(size <= most, "memory", f"{end.side}: {size} {name}; at most {most}")
    drawn = len(end.keys_drawn)
    demand(drawn <= MOST_KEYS, "cheap", f"{end.side}: {drawn} keys in a second")


def _check_path(path: Path, side: str) -> None:
    who = f"{side}, path {path.index}"
    flight = sum(sent.size for sent in path.flight.sent) + sum(sent.size for sent in path.flight.missing)
    demand(
        path.bytes_in_flight == flight, "flight", f"{who}: {path.bytes_in_flight} bytes said in flight; {flight} are"
    )
    queued = sum(packet.size for packet, *_ in path.queue)
    demand(path.queued_bytes == queued, "flight", f"{who}: {path.queued_bytes} bytes said queued; {queued} are")
    demand(
        path.cwnd > 0 and isfinite(path.srtt) and path.srtt >= 0, "flight", f"{who}: cwnd {path.cwnd}, srtt {path.srtt}"
    )
    demand(path.up or not flight, "flight", f"{who}: down, and {flight} bytes in flight")
    known = path.acked_datagrams + path.lost_datagrams + _in_flight(path)
    demand(
        path.sent_datagrams == known,
        "conserved",
        f"{who}: {path.sent_datagrams} datagrams sent; {path.acked_datagrams} acknowledged, "
        f"{path.lost_datagrams} lost, {_in_flight(path)} in flight",
    )


def _in_flight(path: Path) -> int:
    return len(path.flight.sent) + len(path.flight.missing)


def _sizes(endpoint: Endpoint) -> Iterator[tuple[str, int, int]]:
    """Yield what is remembered, how much of it, and how much there may be."""
    paths, incoming, repairs = endpoint.paths, endpoint.incoming, endpoint.repairs
    yield "causes of rejection", len(endpoint.rejected), MOST_CAUSES
    yield "questions", endpoint._peer.unanswered, MOST_QUESTIONS * len(paths)
    yield "classes", len(incoming.reorder), MOST_CLASSES
    for receiver in incoming.receivers:
        yield "ranges", len(receiver._ranges), MOST_RANGES + 1
    for buffer in incoming.reorder.values():
        yield "numbers given up", len(buffer._missing), MOST_MISSING  # type: ignore[attr-defined]
        yield "packets held", len(getattr(buffer, "_held", ())), MOST_HELD
        yield "numbers announced", len(getattr(buffer, "_skipped", ())), 2 * MOST_HELD
    for recovery in incoming._recoveries.values():
        yield "packets kept for parity", len(recovery._kept), MOST_KEPT
        yield "blocks of parity", len(recovery._blocks), MOST_BLOCKS
    abroad = len(repairs.waiting) + sum(_in_flight(path) + len(path.queue) for path in paths)
    yield "packets with copies", len(repairs.ledger.entries), abroad + len(endpoint.dispatch._orphans)
    for path in paths:
        yield "packets queued on a path", len(path.queue), MOST_QUEUED
    guard = endpoint.guard
    if guard is not None:
        yield "sessions not confirmed", len(guard._sessions.waiting), MOST_ATTEMPTS
        yield "attempts", guard._pending.outstanding if guard._pending is not None else 0, MOST_ATTEMPTS


def check_drained(end: End) -> None:
    """Check that nothing is left when nothing has been sent for a while; raises Broken."""
    endpoint = end.endpoint
    left = {
        "bytes in flight": sum(path.bytes_in_flight for path in endpoint.paths),
        "bytes waiting": endpoint.ingress.backlog(),
        "packets queued on paths": sum(len(path.queue) for path in endpoint.paths) + len(endpoint.dispatch._orphans),
        "bytes held for order": sum(buffer.occupancy_bytes for buffer in endpoint.incoming.reorder.values()),
        "packets with copies": len(endpoint.repairs.ledger.entries),
        "repairs": len(endpoint.repairs.waiting),
    }
    for name, amount in left.items():
        demand(not amount, "drained", f"{end.side}: {amount} {name}")


def session_of(end: End) -> Session | None:
    """Return the session that an end seals by."""
    guard = end.endpoint.guard
    return guard._sessions.current if guard is not None else None
