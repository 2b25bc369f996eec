"""The criteria of the dissertation's evaluation, in its order; one file each."""

from __future__ import annotations

from experiments.criteria.added_delay import AddedDelay
from experiments.criteria.both_directions import BothDirections
from experiments.criteria.changing_bandwidth import ChangingBandwidth
from experiments.criteria.client_address import ClientAddress
from experiments.criteria.equal_links import EqualLinks
from experiments.criteria.faster_links import FasterLinks
from experiments.criteria.flow_kept_call import FlowKeptCall
from experiments.criteria.flow_kept_tcp import FlowKeptTcp
from experiments.criteria.flow_kept_udp import FlowKeptUdp
from experiments.criteria.ip_transport import IpTransport
from experiments.criteria.ip_versions import IpVersions
from experiments.criteria.lost_and_returned import LostAndReturned
from experiments.criteria.many_links import ManyLinks
from experiments.criteria.metered_cost import MeteredCost
from experiments.criteria.metered_links import MeteredLinks
from experiments.criteria.random_loss import RandomLoss
from experiments.criteria.security import Security
from experiments.criteria.single_interface import SingleInterface
from experiments.criteria.tcp_transport import TcpTransport
from experiments.criteria.unequal_links import UnequalLinks
from experiments.criterion import Criterion

CRITERIA: tuple[Criterion, ...] = (
    FlowKeptTcp(),
    FlowKeptUdp(),
    FlowKeptCall(),
    BothDirections(),
    ClientAddress(),
    Security(),
    EqualLinks(),
    UnequalLinks(),
    ManyLinks(),
    ChangingBandwidth(),
    LostAndReturned(),
    SingleInterface(),
    MeteredLinks(),
    IpVersions(),
    TcpTransport(),
    IpTransport(),
    FasterLinks(),
    AddedDelay(),
    RandomLoss(),
    MeteredCost(),
)
