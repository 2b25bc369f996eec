"""The program inside the lab's namespaces: python -m experiments.attacks.lab FOLDER; experiment.py starts it there.

It reads FOLDER/plan.json and writes FOLDER/report.json. Both portals, `mpsim portal up`, live through all trials; in
each a TCP flow goes from the client to the server, beside an attack or without one. The attacker records first.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from emulation.capturing import HELD_BACK
from emulation.machine import Load, snapshot
from emulation.program import READY
from emulation.waiting import wait_for_line, wait_until
from experiments.attacks import hosts, scene
from experiments.attacks.evidence import answers, inner
from experiments.attacks.frames import read_recordings
from experiments.attacks.portals import START_TIMEOUT, Portal, configure
from mpsim.errors import MpsimError, WorldError
from mpsim.tunnel.datagrams import INITIATION

PLAN, REPORT = "plan.json", "report.json"
PORT = 5201  # of iperf3's server
LEAD = 0.5  # s that an attack goes on before the flow begins, and after it
RECORDED = 3000  # frames of each segment
REKEY_TIMEOUT = 150.0  # s; keys are renewed after 120 s
OMITTED = 1  # s of a flow that are not measured: slow start
CONGESTION = "cubic"
# Handshake messages, and what is for the attacker: type 5 and above of mpsim/tunnel/wire.py.
_OF_INTEREST = "udp and (dst host {own} or udp[8] & 0x0f >= 5)"


class Lab:
    """The network, the portals, and the trials on them.

    Parameters
        folder: of the run
        seconds: how long a flow lasts
    """

    def __init__(self, folder: Path, seconds: float, seed: int) -> None:
        self._folder, self._seconds, self._seed = folder, seconds, seed
        self.portals = {name: Portal(name, folder) for name in scene.PORTALS}

    def build(self) -> None:
        """Make the network, and start portals and the flow's server, while the attacker records."""
        hosts.build()
        configure(self._folder)
        command = ["iperf3", "-s", "-p", str(PORT), "--forceflush"]
        server = hosts.start(scene.SERVER, command, stdout=subprocess.PIPE)
        assert server.stdout is not None
        if not wait_for_line(server.stdout, "Server listening", START_TIMEOUT):
            raise WorldError("iperf3's server does not start")
        with self.recording():
            for portal in self.portals.values():
                portal.start()
            self.wait_through()
            self.flow()
        if not any(one.kind == INITIATION for one in read_recordings(self._folder)):
            raise WorldError("the attacker has not heard how the portals began")
        first = self._folder / "first"
        first.mkdir()
        for segment in scene.SEGMENTS:
            shutil.copy(scene.recording(self._folder, segment), first)

    def wait_through(self) -> None:
        """Wait until the server answers the client through the tunnel."""
        ping = hosts.within(scene.CLIENT, ["ping", "-c", "1", "-W", "1", scene.inner_address(scene.SERVER)])
        if not wait_until(
            lambda: subprocess.run(ping, capture_output=True, check=False).returncode == 0, START_TIMEOUT
        ):
            raise WorldError("nothing comes through the tunnel")

    def wait_for_new_keys(self) -> None:
        """Wait until the portals have renewed their keys by time."""
        here = self.portals[scene.HERE]
        if not wait_until(lambda: here.status()["portals"][0]["handshakes"] > 1, REKEY_TIMEOUT):
            raise WorldError("the portals have not renewed their keys")

    def restart(self) -> None:
        """Let the listening portal begin another life."""
        self.portals[scene.THERE].restart()
        self.wait_through()

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Let the attacker record the beginning of what happens within."""
        with contextlib.ExitStack() as stack:
            for segment in scene.SEGMENTS:
                stack.enter_context(
                    _capture(
                        scene.MALLORY,
                        scene.interface(segment, scene.MALLORY),
                        "udp",
                        scene.recording(self._folder, segment),
                        "-c",
                        str(RECORDED),
                    )
                )
            yield

    def flow(self) -> float | None:
        """Let the flow run; return its goodput (bit/s), or None if it broke."""
        command = [
            "iperf3", "-c", scene.inner_address(scene.SERVER), "-p", str(PORT), "-C", CONGESTION, "--json",
            "-t", f"{self._seconds:g}", "-O", str(OMITTED), "--connect-timeout", "10000",
        ]  # fmt: skip
        with hosts.start(scene.CLIENT, command, stdout=subprocess.PIPE) as client:
            try:
                said, _ = client.communicate(timeout=self._seconds + OMITTED + START_TIMEOUT)
            except subprocess.TimeoutExpired:
                client.kill()
                return None
        with contextlib.suppress(ValueError, KeyError):
            return float(json.loads(said)["end"]["sum_received"]["bits_per_second"])
        return None

    def trial(self, attack: str | None, rate: float, heard: Path) -> dict[str, Any]:
        """Let the flow run beside an attack; return what was measured. heard: where the attacker's recordings lie."""
        captures = {host: self._folder / f"{host}.pcap" for host in scene.BEHIND.values()}
        heard_back = [self._folder / f"back{segment}.pcap" for segment in scene.SEGMENTS]
        before = self._look()
        with contextlib.ExitStack() as stack:
            for host, path in captures.items():
                stack.enter_context(_capture(host, hosts.LAN, "ip", path))
            for segment, path in zip(scene.SEGMENTS, heard_back, strict=True):
                wanted = _OF_INTEREST.format(own=scene.address(segment, scene.MALLORY))
                stack.enter_context(
                    _capture(scene.MALLORY, scene.interface(segment, scene.MALLORY), wanted, path, "-Q", "in")
                )
            sent: dict[str, Any] = {}
            begin = snapshot({})
            with self._attacking(attack, rate, heard, sent):
                goodput = self.flow()
            idle = Load.between(begin, snapshot({})).idle
            time.sleep(HELD_BACK)
        found, said = inner(captures), answers(heard_back)
        for path in (*captures.values(), *heard_back):
            path.unlink()
        return {
            "goodput_bps": goodput,
            **sent,
            "idle": idle,
            **found._asdict(),
            "answers": said.datagrams,
            "answer_bytes": said.size,
            "handshakes": said.handshakes,
            **_growth(before, self._look()),
        }

    @contextlib.contextmanager
    def _attacking(self, attack: str | None, rate: float, heard: Path, sent: dict[str, Any]) -> Iterator[None]:
        """Attack while something goes on; fills in what was sent."""
        if attack is None:
            yield
            return
        command = [sys.executable, "-m", "experiments.attacks.attacker", str(heard), attack, str(rate), str(self._seed)]
        with hosts.start(scene.MALLORY, command, stdout=subprocess.PIPE) as attacker:
            assert attacker.stdout is not None
            if not wait_for_line(attacker.stdout, READY, START_TIMEOUT):
                raise WorldError(f"the attacker does not start with {attack}")
            time.sleep(LEAD)
            yield
            time.sleep(LEAD)
            attacker.terminate()
            sent |= json.loads(attacker.communicate(timeout=START_TIMEOUT)[0])

    def _look(self) -> dict[str, dict[str, float]]:
        return {
            name: _counts(portal.status()) | {"memory": portal.memory(), "cpu_s": portal.cpu_time()}
            for name, portal in self.portals.items()
        }


def _counts(status: Mapping[str, Any]) -> dict[str, float]:
    one = status["portals"][0]
    causes: dict[str, float] = {f"rejected_{cause}": number for cause, number in one["rejected"].items()}
    more = {"unknown": status["unknown_datagrams"], "buffer_drops": status["receive_buffer_drops"]}
    return {**causes, **more, "sessions": one["handshakes"]}


def _growth(before: Mapping[str, Mapping[str, float]], after: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    return {
        f"{name}_{key}": number - before[name].get(key, 0)
        for name, found in after.items()
        for key, number in found.items()
    }


@contextlib.contextmanager
def _capture(host: str, interface: str, wanted: str, path: Path, *more: str) -> Iterator[None]:
    """Capture packets of a host while something goes on; raises WorldError if some were missed."""
    command = ["tcpdump", "-i", interface, "-n", "-p", "-B", "32768", "-Z", "root", *more, "-w", str(path), wanted]
    with hosts.start(host, command, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        if not wait_for_line(process.stderr, "listening on", START_TIMEOUT):
            raise WorldError(f"tcpdump does not start in {host}")
        yield
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=START_TIMEOUT)
    if b"\n0 packets dropped by kernel" not in said:
        raise WorldError(f"tcpdump in {host}: {' '.join(said.decode(errors='replace').split())}")


def run(folder: Path) -> list[dict[str, Any]]:
    """Do what plan.json says; return a row a trial."""
    plan = json.loads((folder / PLAN).read_text())
    lab = Lab(folder, plan["seconds"], plan["seed"])
    lab.build()
    events: dict[str, Callable[[], None]] = {
        "": lambda: None,
        "new keys": lab.wait_for_new_keys,
        "restart": lab.restart,
    }
    rows = []
    for trial in plan["trials"]:
        events[trial["after"]]()
        without = None
        if plan["compared"]:
            with lab.recording():
                without = lab.trial(None, 0.0, folder)
        heard = folder / "first" if trial["first"] or without is None else folder
        beside = lab.trial(trial["attack"], trial["rate"], heard)
        rows.append({"name": trial["name"], "without": without, "beside": beside})
    return rows


def main(folder: Path) -> None:
    """Run the lab of `folder`; what goes wrong is left there as one line."""
    try:
        report: dict[str, Any] = {"trials": run(folder)}
    except MpsimError as error:
        report = {"error": str(error)}
    (folder / REPORT).write_text(json.dumps(report))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
