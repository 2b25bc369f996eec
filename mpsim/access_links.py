"""From a scenario to its access links, with what happens to them, the same for both worlds."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from mpsim.build import OUTER_MTU, Direction, stream
from mpsim.network.link import Link, bandwidth_delay_product
from mpsim.network.loss import Bernoulli, GilbertElliott, Loss
from mpsim.network.rate import ConstantRate, Rate, TraceRate
from mpsim.network.varying_delay import VaryingDelay
from mpsim.scenario import EventSpec, LinkSpec, Scenario
from mpsim.traces.playing import delays, opportunities


def build_loss(spec: float | Mapping[str, Any], random: Random) -> Loss | None:
    """Return the loss process of a link's `loss` value; None: nothing is lost at random."""
    if isinstance(spec, Mapping):
        parameters = {key: value for key, value in spec.items() if key != "model"}
        return GilbertElliott(random=random, **parameters)
    return Bernoulli(spec, random) if spec else None


def build_rate(spec: LinkSpec, direction: Direction) -> Rate:
    """Return a link's rate: from its trace where it has one for this direction."""
    trace = spec.trace.of(direction) if spec.trace is not None else None
    if spec.trace is not None and trace is not None:
        return TraceRate(opportunities(trace, spec.trace.scale), spec.trace.offset)
    if spec.rate is None:
        raise ValueError(f"link {spec.name} has neither a rate nor a trace {direction}")
    return ConstantRate(spec.rate.of(direction))


def build_varying_delay(spec: LinkSpec, direction: Direction) -> VaryingDelay | None:
    """Return what a recording adds to a link's delay, if there is one for this direction."""
    file = spec.trace.delays.get(direction) if spec.trace is not None else None
    if spec.trace is None or file is None:
        return None
    return VaryingDelay(*delays(file), spec.trace.offset)


def build_link(scenario: Scenario, index: int, direction: Direction) -> Link:
    """Return one direction of link number `index`, with a random stream of its own."""
    spec = scenario.link[index]
    rate = build_rate(spec, direction)
    limit = spec.queue.of(direction)
    packets = bytes_ = None
    if limit.unit == "packets":
        packets = int(limit.value)
    elif limit.unit == "bytes":
        bytes_ = int(limit.value)
    else:
        mean = rate.capacity_bits(0.0, 60.0) / 60.0
        round_trip = spec.delay.down + spec.delay.up
        # Less than one packet would carry nothing.
        bytes_ = max(OUTER_MTU, round(limit.value * bandwidth_delay_product(mean, round_trip)))
    return Link(
        rate,
        delay=spec.delay.of(direction),
        varying_delay=build_varying_delay(spec, direction),
        queue_packets=packets,
        queue_bytes=bytes_,
        loss=build_loss(spec.loss.of(direction), stream(scenario.seed, "link", spec.name, direction)),
        name=spec.name,
        direction=direction,
    )


def apply_event(link: Link, event: EventSpec, scenario: Scenario, now: float) -> None:
    """Let a scripted event happen to one direction of its link at `now` (s)."""
    direction: Direction = "inbound" if link.direction == "inbound" else "outbound"
    if event.rate is not None:
        link.set_rate(ConstantRate(event.rate.of(direction)), now)
    if event.delay is not None:
        link.set_delay(event.delay.of(direction))
    if event.loss is not None:
        random = stream(scenario.seed, "link", link.name, direction, f"event at {event.at!r}")
        link.set_loss(build_loss(event.loss.of(direction), random))
    if event.up is not None:
        link.set_up(event.up, now)


def capacity_of(scenario: Scenario, index: int, direction: Direction) -> Link:
    """Return a link that nothing was sent on and all events happened to, to be asked for `capacity_bits`.

    Its time begins with the warm-up, so that the measured interval starts at `scenario.warmup`.
    """
    link = build_link(scenario, index, direction)
    for event in sorted(scenario.event, key=lambda event: event.at):
        if event.link == link.name:
            apply_event(link, event, scenario, scenario.warmup + event.at)
    return link
