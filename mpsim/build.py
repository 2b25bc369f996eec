"""From a scenario to the ends of its tunnel and the sizes of its packets, the same for both worlds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Literal

from mpsim.scenario import FlowSpec, Scenario, Tunnel, limits
from mpsim.tunnel import framing
from mpsim.tunnel.congestion import CongestionController, Siblings, controllers
from mpsim.tunnel.endpoint import Endpoint
from mpsim.tunnel.fq_codel import FqCodel
from mpsim.tunnel.incoming import Release
from mpsim.tunnel.ingress import Ingress
from mpsim.tunnel.liveness import DEAD_AFTER
from mpsim.tunnel.loss_detection import DETECTORS, NEVER
from mpsim.tunnel.path import Path as TunnelPath
from mpsim.tunnel.reorder import AdaptiveTimeout, Detect, Equalise, FixedTimeout, PassOn, ReorderBuffer
from mpsim.tunnel.repair import repairs
from mpsim.tunnel.repair.outlet import RepairTime
from mpsim.tunnel.schedulers import schedulers

if TYPE_CHECKING:
    from mpsim.tunnel.security.exchange import Exchange

Side = Literal["local", "remote"]
SIDES: tuple[Side, Side] = ("local", "remote")
Direction = Literal["inbound", "outbound"]
DIRECTIONS: tuple[Direction, Direction] = ("inbound", "outbound")
OUTER_MTU = framing.OUTER_MTU  # bytes that a path carries at most, outer headers included


# Multipath TCP's option in a full segment.
DATA_SEQUENCE_SIGNAL = framing.MPTCP_MAPPING


# Where Linux differs from what the RFC says and our controller does by default.
AS_IN_LINUX: Mapping[str, Mapping[str, Any]] = {"cubic": {"as_linux": True}, "vegas": {"as_linux": True}}


def stream(seed: int, *names: str) -> Random:
    """Return a random stream of its own for a named component: adding another shifts none."""
    return Random("/".join((str(seed), *names)))  # simulation, not secrets


def inner_mtu(scenario: Scenario) -> int:
    """Return the largest inner packet in bytes; without a tunnel what the links carry."""
    if scenario.tunnel is None:
        return OUTER_MTU
    return scenario.tunnel.mtu or framing.largest_inner(scenario.tunnel.transport, scenario.topology.outer)


def tunnel_overhead(scenario: Scenario) -> int:
    """Return the bytes that the tunnel adds to an inner packet, outer headers included; 0 without one."""
    if scenario.tunnel is None:
        return 0
    return framing.overhead(scenario.tunnel.transport, scenario.topology.outer)


def tcp_headers(scenario: Scenario) -> int:
    """Return the bytes of the IP and TCP headers of a host's segment."""
    return framing.tcp_headers(scenario.topology.inner)


def udp_headers(scenario: Scenario) -> int:
    """Return the bytes of the IP and UDP, or ICMP, headers of a host's packet."""
    return framing.udp_headers(scenario.topology.inner)


def is_multipath(scenario: Scenario, flow: FlowSpec) -> bool:
    """Return whether a flow has a subflow over every link (Multipath TCP)."""
    return scenario.mptcp is not None and flow.kind in ("tcp", "echo") and flow.via == "tunnel"


def ends_at_proxies(scenario: Scenario) -> bool:
    """Return whether a flow's own TCP ends at a proxy that speaks Multipath TCP for it."""
    return scenario.mptcp is not None and scenario.mptcp.ends == "proxies"


def framing_limit(scenario: Scenario, kind: str, packet_size: int | None, *, tunnelled: bool) -> float:
    """Return payload over IP bytes of a full packet, for a flow of `kind` with UDP payload `packet_size`."""
    overhead = tunnel_overhead(scenario) if tunnelled else 0
    if kind == "tcp":
        mtu = inner_mtu(scenario) if tunnelled else OUTER_MTU
        return (mtu - tcp_headers(scenario)) / (mtu + overhead)
    payload = packet_size or 0
    return payload / (payload + udp_headers(scenario) + overhead)


def kernel_controller(spec: str | Mapping[str, Any], folder: Path) -> CongestionController:
    """Return a congestion control as the kernel's TCP has it, for the end hosts and for what runs over TCP."""
    if isinstance(spec, str) and spec in AS_IN_LINUX:
        spec = {"name": spec, **AS_IN_LINUX[spec]}
    return controllers.create(spec, folder)


def build_ingress(tunnel: Tunnel) -> Ingress:
    """Return the queues in front of a tunnel's end."""
    queue = tunnel.queue
    packets = int(queue.size.value) if queue.size.unit == "packets" else None
    bytes_ = int(queue.size.value) if queue.size.unit == "bytes" else None
    single = tunnel.classes == "single"
    if queue.target is None or queue.interval is None:
        return Ingress(packets=packets, bytes=bytes_, single=single)
    if queue.flows is None:
        return Ingress(packets=packets, bytes=bytes_, single=single, target=queue.target, interval=queue.interval)
    return FqCodel(
        packets=packets,
        bytes=bytes_,
        single=single,
        target=queue.target,
        interval=queue.interval,
        flows=queue.flows,
    )


def _reorder(tunnel: Tunnel, paths: Sequence[TunnelPath]) -> Callable[[Release], ReorderBuffer]:
    spec = tunnel.reorder
    repair = RepairTime(paths) if tunnel.repair else None  # a buffer that knows of a loss waits for it
    given = {key: getattr(spec, key) for key in limits.REORDER_KEYS[spec.mode] if getattr(spec, key) is not None}

    def make(deliver: Release) -> ReorderBuffer:
        if spec.mode == "none":
            return PassOn(deliver)
        if spec.mode == "equalise":
            return Equalise(deliver, **given)
        if spec.mode == "adaptive":
            return AdaptiveTimeout(deliver, repair=repair, **given)
        if spec.mode == "detect":
            return Detect(deliver, repair=repair, **given)
        return FixedTimeout(deliver, **given)

    return make


def _repair_patience(tunnel: Tunnel, paths: Sequence[TunnelPath]) -> Callable[[], float]:
    """Return what says how long a packet is worth sending again: as long as the other end's reorder buffer waits."""
    timeout = tunnel.reorder.timeout
    return (lambda: timeout) if tunnel.reorder.mode == "timeout" else RepairTime(paths, least=timeout)


# The mode in which gobonding's way of telling who is who is imitated.
RSA_CHALLENGE = "rsa-challenge"
# The name of the only path of a tunnel over Multipath TCP.
ONE_PATH = "mptcp"


def one_path(scenario: Scenario) -> bool:
    """Return whether the tunnel has a single path, one Multipath TCP connection over all links."""
    return scenario.tunnel is not None and scenario.tunnel.transport == "mptcp"


def _paths(scenario: Scenario) -> list[tuple[str, int]]:
    """Return the name and the metric of each path."""
    if one_path(scenario):
        return [(ONE_PATH, 0)]
    return [(link.name, link.metric) for link in scenario.link]


def build_guard(
    scenario: Scenario,
    side: Side,
    *,
    epoch: int,
    overheads: Sequence[int],
    entropy: Callable[[int], bytes] | None = None,
    started: int = 0,
) -> Exchange | None:
    """Return what secures one end of the scenario's tunnel; None in mode "none".

    The identities of a scenario come from its seed: they protect a measurement. What is drawn for each session is
    `entropy`'s, by default (a simulation) from the seed, too. started: the time of day when the clock was 0, ns.
    """
    assert scenario.tunnel is not None
    if scenario.tunnel.mode == "none":
        return None
    from mpsim.tunnel.security.guard import Guard
    from mpsim.tunnel.security.keys import Credentials
    from mpsim.tunnel.security.primitives import KEY_SIZE, RsaKey, public_of

    draw = entropy or stream(scenario.seed, "entropy", side, str(epoch)).randbytes
    if scenario.tunnel.mode == RSA_CHALLENGE:
        from mpsim.tunnel.security.rsa_challenge import RsaChallenge

        key = RsaKey(stream(scenario.seed, "identity", "rsa").randbytes)
        return RsaChallenge(key=key, overheads=overheads, epoch=epoch, entropy=draw, proves=side == "local")
    own, other = (stream(scenario.seed, "identity", end).randbytes(KEY_SIZE) for end in (side, SIDES[side == SIDES[0]]))
    return Guard(
        credentials=Credentials(private=own, peer=public_of(other)),
        mode=scenario.tunnel.mode,
        overheads=overheads,
        epoch=epoch,
        entropy=draw,
        initiates=side == "local",
        started=started,
    )


def build_endpoint(
    scenario: Scenario,
    side: Side,
    *,
    epoch: int,
    random_seed: int | None = None,
    entropy: Callable[[int], bytes] | None = None,
    started: int = 0,
    guard: Exchange | None = None,
) -> Endpoint:
    """Return one end of the scenario's tunnel.

    epoch: 32 bits that differ from this end's last session; random_seed: default the scenario's; entropy: what
    sessions' keys are made of, by default from the seed; started: the time of day when the driver's clock was 0, ns;
    guard: instead of the scenario's own. Raises ValueError without a tunnel.
    """
    tunnel = scenario.tunnel
    if tunnel is None:
        raise ValueError("the scenario has no tunnel")
    folder = Path(scenario.folder)
    detector = DETECTORS[tunnel.loss_detection]
    overhead = tunnel_overhead(scenario)
    # Over TCP the kernel has the window, and its send buffer says when it is full.
    stream_based = tunnel.transport in framing.STREAMS
    congestion = "none" if stream_based else tunnel.congestion
    paths = [
        TunnelPath(
            index,
            name=name,
            metric=metric,
            congestion=controllers.create(congestion, folder),
            detection=detector(),
            mss=inner_mtu(scenario) + overhead,
            overhead=overhead,
            budget=0.0 if stream_based else NEVER,
            dead_after=NEVER if tunnel.liveness == "none" else DEAD_AFTER,
        )
        for index, (name, metric) in enumerate(_paths(scenario))
    ]
    siblings = Siblings()
    for path in paths:
        path.congestion.siblings = siblings
    return Endpoint(
        paths=paths,
        scheduler=schedulers.create("greedy" if one_path(scenario) else tunnel.scheduler, folder),
        ingress=build_ingress(tunnel),
        reorder=_reorder(tunnel, paths),
        epoch=epoch,
        random=stream(scenario.seed if random_seed is None else random_seed, "scheduler", side),
        announce=tunnel.reorder.mode != "none",
        patience=tunnel.reorder.timeout if tunnel.reorder.mode != "none" else None,
        repairs=[repairs.create(spec, folder) for spec in tunnel.repair],
        repair_patience=_repair_patience(tunnel, paths),
        guard=guard
        or build_guard(
            scenario,
            side,
            epoch=epoch,
            overheads=[path.overhead for path in paths],
            entropy=entropy,
            started=started,
        ),
        backpressure=tunnel.backpressure == "rwnd",
        fastest_feedback=tunnel.feedback == "fastest",
    )


def session_epoch(scenario: Scenario, side: Side) -> int:
    """Return the epoch of a simulated session: reproducible, different for the two ends."""
    return stream(scenario.seed, "epoch", side).getrandbits(32)
