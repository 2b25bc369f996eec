"""The figures of a TCP flow that has a subflow over every link (subflows.py), and what each link had of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from emulation import addresses as at
from emulation.capturing import TCP, Seen
from emulation.measuring import KINDS, FlowMeasure, TcpMeasure
from emulation.subflows import Connection
from emulation.traffic import Plan
from mpsim.scenario import Scenario
from mpsim.tunnel.wire import expand

_PORT_BITS = 16


@dataclass
class Share:
    """What one subflow carried of the data, by time of sending in the measured interval."""

    link: int
    packets: int = 0
    bytes: int = 0  # IP bytes
    lost: int = 0  # packets
    retransmitted: int = 0  # packets that the subflow sent again
    reinjected: int = 0  # packets whose data another subflow had sent before


class MptcpMeasure(TcpMeasure):
    """Data segments of all subflows; delivered is what has arrived in the order of the connection, each byte once."""

    def __init__(self, plan: Plan, begin: float, end: float) -> None:
        super().__init__(plan, begin, end)
        self._connection: Connection | None = None
        self._shares: dict[int, Share] = {}  # by the client's port
        self._sent_up_to_on: dict[int, int] = {}  # likewise: subflow sequence number
        self._carried: dict[int, int] = {}  # data number: the client's port that sent it first

    def learn(self, heard: Mapping[str, Sequence[Seen]]) -> None:
        connection = Connection((self.plan.client_port, self.plan.server_port), heard[at.CLIENT])
        if connection.agreed:
            self._connection = connection
            self._base = connection.base(self.plan.sender)

    def belongs(self, seen: Seen) -> bool:
        if self._connection is None:
            return super().belongs(seen)
        subflows = self._connection.subflows
        return seen.protocol == TCP and seen.payload > 0 and seen.source == self.plan.sender and seen.ports in subflows

    def _by_data(self, seen: Seen) -> Seen | None:
        """Return the segment with the connection's number in place of the subflow's."""
        if self._connection is None:
            return seen
        number = self._connection.number(seen)
        if number is None:
            return None
        return seen._replace(sequence=number, number=seen.number << _PORT_BITS | seen.ports[0])

    def on_sent(self, seen: Seen) -> None:
        by_data = self._by_data(seen)
        if by_data is None:
            return
        FlowMeasure.on_sent(self, by_data)
        if self._base is None:
            self._base = by_data.sequence
        port = seen.ports[0]
        highest = self._sent_up_to_on.get(port, seen.sequence)
        first = expand(seen.sequence, highest)
        again = first < highest
        self._sent_up_to_on[port] = max(highest, first + seen.payload)
        elsewhere = self._carried.setdefault(by_data.sequence, port) != port
        if self.measured(seen.time):
            self._count(seen, again, elsewhere)

    def _count(self, seen: Seen, again: bool, elsewhere: bool) -> None:
        port = seen.ports[0]
        if port not in self._shares:
            link = self._connection.subflows[seen.ports].link if self._connection is not None else 0
            self._shares[port] = Share(link)
        share = self._shares[port]
        share.packets += 1
        share.bytes += seen.size
        share.retransmitted += again
        share.reinjected += elsewhere and not again
        self.retransmitted += again or elsewhere

    def on_received(self, seen: Seen) -> None:
        by_data = self._by_data(seen)
        if by_data is not None:
            super().on_received(by_data)

    def finish(self) -> None:
        super().finish()
        for number, when in self._sent_at.items():
            share = self._shares.get(number & 0xFFFF)
            if share is not None:
                share.lost += self.measured(when)

    def report(self) -> dict[str, Any]:
        """Return what the subflows had: for the result, where Multipath TCP has to show that it is one."""
        return {
            "name": self.plan.spec.name,
            "multipath": self._connection is not None,
            "links": self._connection.links if self._connection is not None else [0],
            "subflows": [asdict(share) for share in sorted(self._shares.values(), key=lambda share: share.link)],
        }


def measure_of(plan: Plan, begin: float, end: float) -> FlowMeasure:
    """Return what measures a flow of iperf3 or ping."""
    return (MptcpMeasure if plan.multipath else KINDS[plan.spec.kind])(plan, begin, end)


def reports(flows: Sequence[Any]) -> list[dict[str, Any]]:
    """Return the reports of all flows that have subflows."""
    return [flow.report() for flow in flows if isinstance(flow, MptcpMeasure)]


def path_rows(scenario: Scenario, flows: Sequence[Any]) -> list[dict[str, Any]]:
    """Return the rows of `paths`: what each link had of the data of all such flows."""
    rows = []
    for direction in ("inbound", "outbound"):
        mine = [flow for flow in flows if isinstance(flow, MptcpMeasure) and flow.plan.spec.direction == direction]
        shares = [share for flow in mine for share in flow.report()["subflows"]]
        for index, spec in enumerate(scenario.link) if mine else ():
            here = [share for share in shares if share["link"] == index]
            total = {key: sum(share[key] for share in here) for key in ("packets", "bytes", "lost")}
            rows.append(
                {
                    "link": spec.name,
                    "direction": direction,
                    "datagrams": total["packets"],
                    "bytes": total["bytes"],
                    "srtt_s": None,
                    "lost_ratio": total["lost"] / total["packets"] if total["packets"] else None,
                    "retransmitted": sum(share["retransmitted"] for share in here),
                    "reinjected": sum(share["reinjected"] for share in here),
                }
            )
    return rows


def reasons(scenario: Scenario, found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return why a run is no measurement of Multipath TCP: a flow that had not all links; nothing if each had."""
    count = len(scenario.link)
    return [
        f"Multipath TCP: flow {report['name']} had subflows over {len(report['links'])} of {count} links"
        if report["multipath"]
        else f"Multipath TCP: flow {report['name']} fell back to plain TCP"
        for report in found
        if not report["multipath"] or len(report["links"]) < count
    ]
