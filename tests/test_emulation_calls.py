"""What captures tell of a call, without any call; and the phones' scenarios as XML."""

from __future__ import annotations

from importlib.resources import files
from string import Template
from xml.etree import ElementTree as ET

import pytest
from planning import planned

from emulation import addresses as at
from emulation.calls import FIRST_MEDIA_PORT, CallMeasure
from emulation.capturing import UDP, Seen

SIP = (16_001, 5201)
RTP = (FIRST_MEDIA_PORT, FIRST_MEDIA_PORT)


def signal(time: float, text: bytes) -> Seen:
    return Seen(time, at.CLIENT, UDP, SIP, 300, 0, int.from_bytes(text, "big"), 272, False)


def speech(time: float, number: int, source: str) -> Seen:
    return Seen(time, source, UDP, RTP, 200, 0, 0x80000000 | number % 65_536, 172, False)


def measured(*, hung_up: bool = False, direction: str = "inbound", first: int = 0) -> CallMeasure:
    """A call from 0.5 s to 9.5 s, 30 ms one way; the 101st packet of the server is lost."""
    seen: dict[str, list[Seen]] = {at.CLIENT: [signal(0.45, b"INVI"), signal(0.5, b"ACK ")], at.SERVER: []}
    for number in range(450):
        when = 0.5 + 0.02 * number
        for speaker, listener in ((at.CLIENT, at.SERVER), (at.SERVER, at.CLIENT)):
            seen[speaker].append(speech(when, first + number, speaker))
            if number != 100 or speaker == at.CLIENT:
                seen[listener].append(speech(when + 0.03, first + number, speaker))
    seen[at.CLIENT].append(signal(9.5, b"BYE "))
    by_time = {host: sorted(packets) for host, packets in seen.items()}
    return CallMeasure(planned("voip", duration="9s", direction=direction), {"hung_up": hung_up}, by_time, 1.0, 10.0)


# Numbers begin anywhere, and have 16 bits (RFC 3550, section 5.1).
@pytest.mark.parametrize("first", [0, 1000, 65_500])
def test_a_call_from_captures(first: int) -> None:
    row = measured(first=first).row()
    assert (row["sent_packets"], row["lost_packets"]) == (425, 1)
    assert row["one_way_delay_s"]["p50"] == pytest.approx(0.03)
    assert row["answered_s"] == pytest.approx(-0.5)
    assert row["ended_s"] is None
    assert row["longest_gap_s"] == pytest.approx(0.5, abs=0.04)  # at the end, after the last packet
    assert 4.3 < row["mos"] < 4.41
    assert measured(first=first, direction="outbound").row()["lost_packets"] == 0


def test_who_hung_up_ended_the_call() -> None:
    row = measured(hung_up=True).row()
    assert row["ended_s"] == pytest.approx(8.5)
    assert row["longest_gap_s"] == pytest.approx(0.04, abs=0.021)


def test_series_of_both_directions() -> None:
    call = measured()
    rows = call.series()
    assert {row[2] for row in rows if row[3] == "mos"} == {"inbound", "outbound"}
    rates = [row[4] for row in rows if row[3] == "throughput_bps"]
    assert len(rates) == 100
    assert sum(rates) / 10 == pytest.approx(449 * 160 * 8)
    assert call.goodput == pytest.approx(sum(rates[10:]) / 10 / 9, rel=0.01)


@pytest.mark.parametrize("name", ["caller", "called"])
def test_the_phones_scenarios(name: str) -> None:
    values = {"speech": "/a", "stop": "1.5", "interval": 1000, "allowed": 4, "hangup": 5000}
    text = Template((files("emulation") / f"{name}.xml").read_text()).substitute(values)
    root = ET.fromstring(text)
    labels = [element.get("id") for element in root.iter("label")]
    wanted = {element.get(key) for element in root.iter() for key in ("next", "ontimeout")} - {None}
    assert wanted <= set(labels)
    assert len(labels) == len(set(labels))
