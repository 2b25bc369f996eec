"""Kinds of links, each fitted to recordings of its kind; how well, and to which, is in results/traces.md.

Fitted were the mean, the coefficients of variation in 100 ms and in 1 s, the autocorrelation at 1 s and 5 s and the
share of seconds in outage, by a random search over the numbers below, which were rounded and mended by hand. Where
recordings have one value a second, what happens inside it is a choice: the variation around the second that the LTE
recordings have, and for Starlink that of the one recording that shows it.
"""

from __future__ import annotations

from collections.abc import Mapping

from mpsim.traces.generator import Handovers, Memory, Outages, Profile

# Starlink assigns satellites anew at seconds 12, 27, 42 and 57 of each minute (Mohan et al., WWW 2024, section 5).
_STARLINK_PERIOD, _STARLINK_PHASE = 15.0, 12.0

PROFILES: Mapping[str, Profile] = {
    "lte-driving": Profile(
        "LTE from a moving car or bus, downlink",
        mean=8.13e6,
        shape=1.335,
        memories=(Memory(12.0, 0.690), Memory(0.4, 0.194)),
        outages=Outages(every=151.0, length=2.0),
    ),
    "lte-walking": Profile(
        "LTE on foot in a crowded square, downlink",
        mean=12.1e6,
        shape=1.972,
        memories=(Memory(6.0, 0.349), Memory(0.4, 0.351)),
        outages=Outages(every=400.0, length=1.5),
    ),
    "5g-midband": Profile(
        "5G below 6 GHz and LTE of the same operator from a moving car, downlink",
        mean=100.0e6,
        shape=0.87,
        memories=(Memory(50.0, 0.910), Memory(0.8, 0.017)),
        outages=Outages(every=32.0, length=1.6),
    ),
    "5g-mmwave": Profile(
        "5G at 28 GHz, on foot and from a car, TCP over the downlink",
        mean=456.0e6,
        shape=1.0,
        memories=(Memory(15.0, 0.804), Memory(0.1, 0.082)),
        outages=Outages(every=60.0, length=2.6),
    ),
    "starlink": Profile(
        "Starlink in motion with obstructions, handed over every 15 s, downlink",
        mean=147.0e6,
        shape=3.825,
        memories=(Memory(100.0, 0.400), Memory(0.4, 0.406)),
        outages=Outages(every=21.7, length=2.5),
        handovers=Handovers(_STARLINK_PERIOD, _STARLINK_PHASE, share=0.194, pause=0.15),
    ),
    "wifi-walk": Profile(
        "WiFi on foot, away from the access point and back",
        mean=30.0e6,
        shape=1.465,
        memories=(Memory(50.0, 0.829), Memory(1.5, 0.125)),
        outages=Outages(every=25.0, length=5.4),
    ),
    # Not fitted: no recording of a DSL line's capacity is at hand. A line in sync has a fixed rate; the 2 % by which
    # it varies are a choice.
    "dsl": Profile(
        "a DSL line in sync: steady",
        mean=16.0e6,
        shape=62.0,
        memories=(Memory(10.0, 0.5),),
    ),
}
