"""`mpsim portal up`: from a configuration file to a portal that serves until it is told to stop."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from mpsim.errors import InputError, WorldError
from mpsim.portal import config as configuration
from mpsim.portal.config import Config
from mpsim.portal.exporter import Exporter
from mpsim.portal.interface import Interface, OffloadingInterface
from mpsim.portal.notify import notify, reloading
from mpsim.portal.portal import Portal
from mpsim.portal.privileges import become, find_user
from mpsim.portal.runtime import Place, runtime_folder
from mpsim.portal.setup import tun_commands
from mpsim.portal.status import snapshot
from mpsim.portal.tun import DEVICE, open_tun, set_mtu, set_queue_length

TUN_QUEUE = 1000  # packets; the tunnel's own queue is in the endpoint, this one only bridges our wake-ups
REFRESH = 1.0  # s, of the metrics
KEEP = 0.1  # s, of the addresses: who is killed has to know the newest; they are written only if they have changed
_IP_TIMEOUT = 30.0  # s
_log = logging.getLogger("mpsim.portal")


def up(file: Path) -> None:
    """Be the portal of a configuration file until SIGTERM or SIGINT; SIGHUP reads the file anew.

    Raises InputError for what is wrong in the file, and WorldError for what this host does not allow.
    """
    config = configuration.read(file)
    user = find_user(config.host.user) if config.host.user is not None and os.geteuid() == 0 else None
    with ExitStack() as stack:
        place = Place(runtime_folder(), config.host.name)
        stack.callback(place.close)
        tun = _open_tun(config)
        stack.callback(os.close, tun.descriptor)
        set_mtu = partial(_set_mtu, config.host.name)
        portal = Portal(config, tun, memory=place.recall(), set_mtu=set_mtu)
        stack.callback(portal.close)
        stack.callback(lambda: place.remember(portal.addresses()))
        _offer_status(portal, place, stack)
        if user is not None:
            place.give_to(*user)
            become(*user)
        portal.loop.stop_on(signal.SIGTERM, signal.SIGINT)
        portal.loop.call_on(lambda: reload(portal, file), signal.SIGHUP)
        _log.info("%s: ready, %d other portal(s), mode %s", config.host.name, len(config.portal), config.host.mode)
        if config.host.mode == "none":
            _log.warning('%s: mode "none" protects nothing; it belongs behind a VPN', config.host.name)
        notify("READY=1", f"STATUS={len(config.portal)} other portals")
        portal.serve()
        notify("STOPPING=1")
        _log.info("%s: stopped", config.host.name)


def reload(portal: Portal, file: Path) -> None:
    """Read the configuration anew; with a fault in it everything stays as it is."""
    reloading()
    try:
        kept = portal.reload(configuration.read(file))
    except InputError as error:
        for fault in error.faults:
            _log.error("not reloaded: %s", fault)
    else:
        _log.info("reloaded %s", file)
        for key in kept:
            _log.warning("host.%s: the new value counts after a restart", key)
    notify("READY=1")


def _open_tun(config: Config) -> Interface:
    """Open and set up the TUN interface."""
    name = config.host.name
    try:
        tun = open_tun(name, offloads=True)
    except OSError as error:
        raise WorldError(f"{name}: {DEVICE} cannot be used: {error.strerror} (root, or CAP_NET_ADMIN)") from None
    try:
        set_queue_length(name, TUN_QUEUE)
        _ip(tun_commands(config))
    except BaseException:
        os.close(tun)
        raise
    return OffloadingInterface(tun)


def _set_mtu(name: str, size: int) -> None:
    """Follow the paths with the TUN's MTU, as far as that is allowed; SYNs are clamped in any case."""
    try:
        set_mtu(name, size)
    except OSError as error:
        _log.warning("%s: its MTU stays (%s); what is too big is answered by ICMP", name, error.strerror)


def _ip(commands: list[str]) -> None:
    """Run commands of iproute2, without the word ip; raises WorldError with what the first wrong one said."""
    try:
        done = subprocess.run(
            ["ip", "-batch", "-"],
            input="".join(f"{command}\n" for command in commands),
            capture_output=True,
            text=True,
            timeout=_IP_TIMEOUT,
            check=False,
        )
    except OSError as error:
        raise WorldError(f"ip (iproute2): {error.strerror}") from None
    if done.returncode:
        raise WorldError(f"ip: {' '.join(done.stderr.split())}")


def _offer_status(portal: Portal, place: Place, stack: ExitStack) -> None:
    listener = place.listen()
    portal.loop.add_reader(listener.fileno(), lambda: place.answer(lambda: snapshot(portal)))
    port = portal.config.host.metrics_port
    exporter = Exporter(port, snapshot(portal)) if port is not None else None
    if exporter is not None:
        stack.callback(exporter.close)

    portal.loop.call_every(KEEP, KEEP, lambda _: place.remember(portal.addresses()))
    if exporter is not None:
        portal.loop.call_every(REFRESH, REFRESH, lambda _: exporter.update(snapshot(portal)))
