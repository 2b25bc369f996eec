"""What is asked of netem through TCLink, and how tc's answer is read back."""

from __future__ import annotations

from typing import Any

import pytest

from emulation.netem import differences, parameters
from mpsim.scenario import LinkSpec, parse


def _spec(**link: object) -> LinkSpec:
    flow = {"kind": "tcp"}
    return parse({"schema": 1, "name": "netem", "tunnel": {}, "link": [{"name": "a", **link}], "flow": [flow]}).link[0]


def test_units_are_tclinks_and_the_queue_holds_what_is_delayed_too() -> None:
    spec = _spec(rate={"down": "12Mbit", "up": "1200kbit"}, delay={"down": "10ms", "up": "40ms"}, queue="50p")
    assert parameters(spec, "inbound") == {"bw": 12.0, "delay": "10.000ms", "max_queue_size": 60}
    assert parameters(spec, "outbound") == {"bw": 1.2, "delay": "40.000ms", "max_queue_size": 54}
    assert parameters(_spec(rate="12Mbit", delay="0ms", queue="30kB"), "inbound")["max_queue_size"] == 20
    assert parameters(_spec(rate="12Mbit", delay="10ms", queue="2bdp"), "inbound")["max_queue_size"] == 50


WANTED = {"bw": 8.0, "delay": "10.000ms", "max_queue_size": 107}


def _answer(delay: float = 0.01, limit: int = 107) -> list[dict[str, Any]]:
    netem = {"kind": "netem", "handle": "10:", "options": {"limit": limit, "delay": {"delay": delay, "jitter": 0}}}
    return [{"kind": "htb", "handle": "5:", "root": True, "options": {}}, netem]


@pytest.mark.parametrize(
    ("qdiscs", "rate", "text"),
    [
        (_answer(), 1_000_000, None),
        (_answer()[:1], 1_000_000, "no netem"),
        (_answer(delay=0.0), 1_000_000, "delay 0.0 instead of 0.01"),
        (_answer(limit=1000), 1_000_000, "limit 1000 instead of 107"),
        (_answer(), 1_250_000, "rate 10000000 instead of 8000000.0"),
    ],
)
def test_what_tc_did_not_do_is_found(qdiscs: list[dict[str, Any]], rate: int, text: str | None) -> None:
    classes = [{"class": "htb", "handle": "5:1", "rate": rate}]
    assert differences(WANTED, qdiscs, classes) == ([text] if text else [])
