"""A packet that is routed into a TUN is read from it, one that is written comes out; the same for frames on TAPs."""

from __future__ import annotations

import ctypes
import os
import select
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from mpsim.headers import UDP, address, ipv4, udp
from mpsim.portal.tun import (
    has_carrier,
    open_tap,
    open_tun,
    set_address,
    set_carrier,
    set_mtu,
    set_queue_length,
    set_up,
)

pytestmark = pytest.mark.root

_CLONE_NEWNET = 0x40000000


def _in_namespace(check: Callable[[], None]) -> None:
    """Run `check` in a child with a network namespace of its own; what it asserts counts."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            assert ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET) == 0
            # Or the kernel's own router solicitations would come first.
            Path("/proc/sys/net/ipv6/conf/default/disable_ipv6").write_text("1")
            check()
        except BaseException as error:  # noqa: BLE001  # reported by the parent
            os.write(writer, repr(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        problem = pipe.read().decode()
    os.waitpid(child, 0)
    assert not problem


def _read(descriptor: int) -> bytes:
    assert select.select([descriptor], [], [], 10)[0], "nothing came"
    return os.read(descriptor, 2048)


def _configure(name: str, local: str) -> None:
    os.system(f"ip address add {local}/24 dev {name}")
    set_up("lo")
    set_up(name)


def _tun_round_trip() -> None:
    tun = open_tun("mps-test")
    set_mtu("mps-test", 1400)
    set_queue_length("mps-test", 10)
    _configure("mps-test", "10.9.0.1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("10.9.0.1", 1000))
        opened.settimeout(10)
        opened.sendto(b"out", ("10.9.0.2", 2000))
        assert _read(tun)[-3:] == b"out"
        answer = ipv4(address("10.9.0.2"), address("10.9.0.1"), UDP, udp((2000, 1000), b"back"))
        assert os.write(tun, answer) == len(answer)
        assert opened.recv(100) == b"back"
        opened.setsockopt(socket.IPPROTO_IP, 10, 2)  # IP_MTU_DISCOVER: IP_PMTUDISC_DO
        with pytest.raises(OSError, match="Message too long"):
            opened.sendto(bytes(1400), ("10.9.0.2", 2000))
    with pytest.raises(BlockingIOError):
        os.read(tun, 2048)
    os.close(tun)
    assert not has_carrier("mps-test"), "the interface outlived its descriptor"


def _tap_cable() -> None:
    tap = open_tap("mps-test")
    set_address("mps-test", bytes.fromhex("024d50000001"))
    _configure("mps-test", "10.9.0.1")
    assert has_carrier("mps-test")
    set_carrier(tap, False)
    assert not has_carrier("mps-test")
    set_carrier(tap, True)
    assert has_carrier("mps-test")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.sendto(b"who has?", ("10.9.0.2", 2000))
    frame = _read(tap)
    assert frame[:6] == b"\xff" * 6
    assert frame[6:12] == bytes.fromhex("024d50000001")


def _persistent() -> None:
    os.close(open_tun("mps-stays", persistent=True))
    assert "mps-stays" in [name for _, name in socket.if_nameindex()]
    os.close(open_tun("mps-stays"))
    assert "mps-stays" not in [name for _, name in socket.if_nameindex()]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("check", [_tun_round_trip, _tap_cable, _persistent])
def test_in_a_namespace(check: Callable[[], None]) -> None:
    _in_namespace(check)


def test_names_that_the_kernel_would_cut_are_refused() -> None:
    with pytest.raises(ValueError, match="1 to 15 characters"):
        open_tun("mps-much-too-long")
