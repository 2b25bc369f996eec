"""START HERE: one end of the tunnel, as a state machine without input, output or clock.

    receive_packet   ->  +----------+  ->  datagrams_to_send(now)
    receive_datagram ->  | Endpoint |  ->  packets_to_deliver(now)
    handle_timeout   ->  +----------+  ->  next_timeout()

A packet's way: ingress queue of its class -> tunnel sequence -> scheduler -> path (window, pacing, path
sequence, time) -> wire (dispatch.py, the sending half) ... wire -> path receiver (feedback) -> reorder
buffer of its class -> delivery (incoming.py, the receiving half). What the ends tell each other beside data is
made in control.py, datagrams become bytes and bytes datagrams in boundary.py. This file joins these parts:
sessions, losses, paths that come and go, time. `pump` is all that a driver has to do after telling an endpoint
something; both worlds use it.

The clock is the caller's: `now` is in seconds and never runs backwards. Calling `handle_timeout` early
is harmless; `next_timeout` may answer too early for the same reason, but never too late.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import TYPE_CHECKING

from mpsim.tunnel.backpressure import ReceiveWindow
from mpsim.tunnel.boundary import Boundary
from mpsim.tunnel.control import Control
from mpsim.tunnel.datagrams import FLAG_REPLY, PROBE_BODY, Data, Datagram, Feedback, Probe, Skip
from mpsim.tunnel.dispatch import Dispatch
from mpsim.tunnel.incoming import Incoming, Release
from mpsim.tunnel.ingress import Ingress
from mpsim.tunnel.liveness import INITIAL_RTT, PROBE_AGAIN
from mpsim.tunnel.loss_detection import NEVER
from mpsim.tunnel.packet import Packet
from mpsim.tunnel.path import Path
from mpsim.tunnel.peer import Peer
from mpsim.tunnel.reorder import ReorderBuffer
from mpsim.tunnel.repair.base import Repair
from mpsim.tunnel.repair.outlet import Repairs
from mpsim.tunnel.schedulers.base import Scheduler
from mpsim.tunnel.wire import MICROSECONDS, elapsed, microseconds

if TYPE_CHECKING:
    from mpsim.tunnel.security.exchange import Exchange

# A path that carried data this short a time ago is probed more often (s).
ACTIVE = 1.0
# This long (s) after the beginning a path that was not yet heard of keeps those of a higher metric waiting.
PATIENCE = 2 * INITIAL_RTT
# Probes for a path's MTU, for each path, whose answer is waited for.
MOST_SIZED = 64
# Called so late (s), an endpoint takes it that its clock has leapt: the machine was suspended.
LEAP = 1.0


class Endpoint(Boundary):
    """One association with one other portal.

    Parameters
        paths: in the order of the scenario
        scheduler: which path carries the next packet
        ingress: the queues in front of it
        reorder: makes the reorder buffer of a class, given where released packets go
        epoch: this session's number, 32 random bits
        random: a seeded stream, for the scheduler
        announce: tell the other end what it need not wait for (when it resequences)
        patience: how long the other end's resequencer waits for a packet, seconds; None: not known
        repairs: ways to make good what paths lose
        repair_patience: how long after its first sending a packet is worth sending again, seconds
        guard: what makes datagrams authentic and fresh; None: nothing does (mode "none")
        backpressure: whether inner TCP is held back by its receive window
        fastest_feedback: whether feedback goes by the fastest path, not by the one that it is about
    """

    def __init__(
        self,
        *,
        paths: Sequence[Path],
        scheduler: Scheduler,
        ingress: Ingress,
        reorder: Callable[[Release], ReorderBuffer],
        epoch: int,
        random: Random,
        announce: bool = True,
        patience: float | None = None,
        repairs: Sequence[Repair] = (),
        repair_patience: Callable[[], float] = lambda: PATIENCE,
        guard: Exchange | None = None,
        backpressure: bool = False,
        fastest_feedback: bool = False,
    ) -> None:
        super().__init__(paths, guard)
        self.scheduler = scheduler
        self.ingress = ingress
        self.epoch = epoch
        self.announce = announce
        negative = any(path.flight.detection.negative for path in paths)
        self.repairs = Repairs(repairs, paths=self.paths, epoch=epoch, patience=repair_patience)
        self.dispatch = Dispatch(
            self.paths, scheduler, ingress, epoch=epoch, random=random, patience=patience, repairs=self.repairs
        )
        self._backpressure = ReceiveWindow(self.dispatch) if backpressure else None
        self._updates: list[Packet] = []  # windows that flows are told beside what the other end sends
        parity = any(repair.name == "parity" for repair in repairs)  # the other end has the same
        self.incoming = Incoming(len(paths), reorder, rejected=self.rejected, negative=negative, parity=parity)
        self._control = Control(self.dispatch, self.incoming, epoch=epoch, guard=guard, fastest=fastest_feedback)
        self._peer = Peer(len(self.paths))
        self._patient = True  # some path may still come up for the first time
        self._patient_until = NEVER
        self._sized: dict[int, tuple[int, int]] = {}  # of probes for an MTU, by number: (path, bytes of inner packet)
        self.answered_sizes: list[tuple[int, int]] = []  # of those answered, for who has asked
        self._tell_acked = type(scheduler).on_acked is not Scheduler.on_acked
        self.received_packets = 0
        self.abandoned_packets = 0

    # From the TUN to the paths.

    def receive_packet(self, packet: Packet, now: float) -> bool:
        """Take an inner packet from the TUN; False: the ingress queue was full (counted there)."""
        self.received_packets += 1
        if self._backpressure is not None:
            self._backpressure.on_ingress(packet, now)
        return self.ingress.append(packet, now)

    def datagrams_to_send(self, now: float) -> list[Datagram]:
        """Take what is to be sent now, in order; each datagram's `path` says by which path."""
        dispatch = self.dispatch
        dispatch.run(now)
        if self.repairs.given_up:
            given_up, self.repairs.given_up = self.repairs.given_up, []
            self._give_up(given_up, now)
        if dispatch.due < self._alarm:
            self._alarm = dispatch.due
        dispatch.due = NEVER
        if self.incoming.feedback_wanted:
            self.incoming.feedback_wanted = False
            for receiver, path in zip(self.incoming.receivers, self.paths, strict=True):
                if receiver.feedback_due <= now:
                    self._control.send_feedback(path, now)
        out = dispatch.out
        if out:
            dispatch.out = []
        if self.guard is not None and (messages := self.guard.take(now)):
            return [*messages, *out]
        return out

    def probe_size(self, path: int, size: int, now: float) -> None:
        """Ask by path number `path` if an inner packet of `size` bytes gets through; see `answered_sizes`."""
        number = self._peer.ask(self.paths[path].next_sequence, now)
        self._sized[number] = (path, size)
        if len(self._sized) > MOST_SIZED * len(self.paths):
            del self._sized[next(iter(self._sized))]
        self._control.send_probe(self.paths[path], number, now, padding=size - PROBE_BODY)

    # From the paths to the TUN.

    def receive_datagram(self, datagram: Datagram, path: int, now: float) -> None:  # noqa: C901  # hot
        """Take a datagram that came in by path number `path`."""
        if now > self._alarm + LEAP:
            self._on_leap(now)
        if datagram.epoch != self._peer.epoch and not self._admit_epoch(datagram, path, now):
            self.rejected["epoch"] += 1
            return
        if datagram.path != path:
            self.rejected["path"] += 1
            return
        if isinstance(datagram, Data):
            due = self.incoming.receive(datagram, path, now, self.paths[path].srtt)
            if due < self._alarm:
                self._alarm = due
        elif isinstance(datagram, Feedback):
            self._receive_feedback(datagram, now)
        elif isinstance(datagram, Probe):
            self._receive_probe(datagram, path, now)
        elif isinstance(datagram, Skip):
            self.incoming.skip(datagram, now)

    def _admit_epoch(self, datagram: Datagram, path: int, now: float) -> bool:
        """Take the other end's first epoch, or a new one (it has restarted) that answers a question of ours.

        Anything else of another epoch, be it noise or late, is a reason to ask, and not more. But a question is
        answered: two ends that each took a late datagram of the other's last life for its first would ask for ever.
        """
        if self._peer.epoch is None:
            self._peer.epoch = datagram.epoch
            return True
        if self._peer.restarts(datagram):
            self.incoming.restart()
            return True
        asked = self.paths[path]
        if isinstance(datagram, Probe) and not datagram.flags & FLAG_REPLY and datagram.path == path:
            self._control.answer(datagram, asked, now, known=False)
        if asked.carrier and now - asked.last_probe >= PROBE_AGAIN:
            asked.next_probe = now
            self._alarm = min(self._alarm, now)
        return False

    def _receive_feedback(self, feedback: Feedback, now: float) -> None:
        if feedback.about >= len(self.paths):
            self.rejected["path"] += 1
            return
        path = self.paths[feedback.about]
        try:
            acked, lost = path.on_feedback(feedback, now)
        except ValueError:
            self.rejected["ranges"] += 1
            return
        if acked and self._tell_acked:
            self.scheduler.on_acked(path, acked, now)
        if lost:
            self._abandon(path, lost, now)
        if path.flight.lost_at < self._alarm:
            self._alarm = path.flight.lost_at
        if path.clocked:
            self._alarm = min(self._alarm, path.clock())
        if self._backpressure is not None:
            self._updates += self._backpressure.updates(now)

    def _receive_probe(self, probe: Probe, path_index: int, now: float) -> None:
        path = self.paths[path_index]
        if not probe.flags & FLAG_REPLY:
            self._control.answer(probe, path, now)
            return
        following = self._peer.answered(probe)
        if following is None:
            self.rejected["unasked"] += 1
            return
        if self._sized:
            sized = self._sized.pop(probe.number, None)
            if sized is not None:
                self.answered_sizes.append(sized)
        rtt = elapsed(microseconds(now), probe.echo_us)
        path.update_rtt(rtt)
        if path.up:
            self._abandon(path, path.on_probe_answered(following, now), now)
        elif path.carrier:
            path.come_up(now)
            self._paths_changed(now)

    @property
    def deliverable(self) -> bool:
        """Whether `packets_to_deliver` has something to give."""
        return bool(self.incoming.deliverable or self._updates)

    def packets_to_deliver(self, now: float) -> list[Packet]:
        """Take the inner packets for the TUN, in order."""
        taken = self.incoming.take(now)
        if self._backpressure is not None:
            taken = self._updates + self._backpressure.on_delivery(taken, now)
            self._updates = []
            self._alarm = min(self._alarm, self._backpressure.next_timeout())
        return taken

    # Losses, and paths that come and go.

    def _abandon(self, path: Path, lost: Sequence[Data], now: float) -> None:
        """Take note of a path's losses; what nobody sends again is given up."""
        size = sum(sent.size for sent in lost)
        if not size:
            return
        self.scheduler.on_lost(path, size, now)
        given_up = self.repairs.on_lost(lost, now)
        if given_up:
            self._give_up(given_up, now)

    def _give_up(self, packets: Sequence[tuple[int, int]], now: float) -> None:
        """Tell the other end not to wait for these packets (class, tunnel sequence)."""
        self.abandoned_packets += len(packets)
        if self.announce:
            self._control.send_skips(packets, now)

    def _paths_changed(self, now: float) -> None:
        self.dispatch.paths_changed(patient=self._patient)
        self._alarm = min(self._alarm, now)

    def _go_down(self, path: Path, now: float) -> None:
        lost = path.go_down(now)
        self.dispatch.take_back(path)
        self._paths_changed(now)
        self._abandon(path, lost, now)

    def on_path_unavailable(self, path: int, now: float) -> None:
        """Be told that path number `path` has no carrier, or that nothing can be sent on it."""
        self.paths[path].carrier = False
        if self.paths[path].up:
            self._go_down(self.paths[path], now)

    def on_path_available(self, path: int, now: float) -> None:
        """Be told that the carrier is back; the path is used as soon as a probe is answered."""
        self.paths[path].carrier = True
        self.paths[path].probe_anew(now)
        self._alarm = min(self._alarm, now)

    def on_metrics_changed(self, now: float) -> None:
        """Be told that paths have other metrics now."""
        self._paths_changed(now)

    def on_path_writable(self, path: int, budget: float, now: float) -> None:
        """Be told that path number `path` takes `budget` more bytes now (a transport that can be full)."""
        told = self.paths[path]
        if told.budget < told.mss <= budget:
            self._alarm = min(self._alarm, now)
        told.budget = budget

    # Time.

    def next_timeout(self) -> float:
        """Return when `handle_timeout` is to be called (s); infinity: never."""
        return self._alarm

    def handle_timeout(self, now: float) -> None:
        """Do what is due by now; harmless before."""
        if now > self._alarm + LEAP:
            self._on_leap(now)
        if self.guard is not None:
            self.guard.on_time(now, [path.index for path in self.paths if path.carrier])
        if self._patient:
            self._be_patient(now)
        alarm = self._scheduler_time(now)
        for path, receiver in zip(self.paths, self.incoming.receivers, strict=True):
            self._path_time(path, now)
            alarm = min(alarm, path.next_timeout(), receiver.next_timeout(path.srtt), path.pacing_alarm(now))
        if self.repairs.repairs:
            self.repairs.on_time(now)
            alarm = min(alarm, self.repairs.next_timeout())
        alarm = min(alarm, self.incoming.on_time(now), self._patient_until)
        if self._backpressure is not None:
            self._updates += self._backpressure.due(now)
            alarm = min(alarm, self._backpressure.next_timeout())
        if self.guard is not None:
            alarm = min(alarm, self.guard.next_timeout())
        # What rounding leaves due now is looked at again a tick of the wire's clock later.
        self._alarm = alarm if alarm > now else now + 1 / MICROSECONDS

    def _scheduler_time(self, now: float) -> float:
        alarm = self.scheduler.next_timeout() or NEVER
        if alarm > now:
            return alarm
        self.scheduler.on_timeout(now)
        return self.scheduler.next_timeout() or NEVER

    def _on_leap(self, now: float) -> None:
        """Measure no round-trip time by what was sent before the clock leapt."""
        self._peer.forget_questions()
        for path in self.paths:
            path.leapt = now
        self._alarm = now

    def _be_patient(self, now: float) -> None:
        """At the beginning wait a while for paths of a low metric before those of a higher one are used."""
        if self._patient_until == NEVER:
            self._patient_until = now + PATIENCE
        elif self._patient_until <= now:
            self._patient = False
            self._patient_until = NEVER
            self._paths_changed(now)

    def _path_time(self, path: Path, now: float) -> None:
        receiver = self.incoming.receivers[path.index]
        if path.up:
            lost = path.on_time(now)
            if lost:
                self._abandon(path, lost, now)
            if path.is_dead(now):
                self._go_down(path, now)
        receiver.on_time(now, path.srtt)
        if receiver.feedback_due <= now:
            self._control.send_feedback(path, now)
        if path.probe_at() <= now:
            path.probe_sent(now, active=max(path.last_sent, receiver.last_data) > now - ACTIVE)
            self._control.send_probe(path, self._peer.ask(path.next_sequence, now), now)


def pump(
    endpoint: Endpoint,
    now: float,
    send: Callable[[Datagram], object],
    deliver: Callable[[Packet], object],
) -> None:
    """Carry an endpoint's datagrams and packets away; to be called after telling it anything."""
    if endpoint.deliverable:
        for packet in endpoint.packets_to_deliver(now):
            deliver(packet)
    for datagram in endpoint.datagrams_to_send(now):
        send(datagram)
