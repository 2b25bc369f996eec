"""The lab's two portals: `mpsim portal up` in their hosts, each with a configuration of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from emulation.waiting import wait_until
from experiments.attacks import hosts, scene
from mpsim.errors import WorldError
from mpsim.portal.runtime import FOLDER_VARIABLES, ask

START_TIMEOUT = 20.0  # s


class Portal:
    """One end of the tunnel."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._folder = folder
        self._config = folder / f"{scene.TUN[name]}.toml"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and route into it."""
        with (self._folder / f"{self.name}.log").open("ab") as log:
            command = [sys.executable, "-m", "mpsim", "portal", "up", str(self._config)]
            self._process = hosts.start(self.name, command, stderr=log)
        if not wait_until(self._serves, START_TIMEOUT):
            raise WorldError(f"the portal {self.name} does not start: {self._last_words()}")
        other = scene.THERE if self.name == scene.HERE else scene.HERE
        hosts.lead_into_tunnel(self.name, other)

    def restart(self) -> None:
        """End it and start it again."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(START_TIMEOUT)
        self.start()

    def status(self) -> dict[str, Any]:
        """Return its status."""
        return ask(self._folder, scene.TUN[self.name])

    def memory(self) -> int:
        """Return its resident memory (bytes)."""
        assert self._process is not None
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("VmRSS:"))) * 1024

    def cpu_time(self) -> float:
        """Return how long it has kept a core busy (s)."""
        assert self._process is not None
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _serves(self) -> bool:
        with contextlib.suppress(WorldError):
            return bool(self.status())
        return False

    def _last_words(self) -> str:
        lines = (self._folder / f"{self.name}.log").read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "no message"


def configure(folder: Path) -> None:
    """Write keys and configurations; what is started from now on has its runtime folder there, too."""
    os.environ[FOLDER_VARIABLES[0]] = str(folder)
    public = {}
    for name in scene.PORTALS:
        command = [sys.executable, "-m", "mpsim", "portal", "keygen", str(folder / f"{name}.key")]
        public[name] = hosts.run(*command).strip()
    for name, other in (scene.PORTALS, scene.PORTALS[::-1]):
        lines = [
            "[host]",
            f'name = "{scene.TUN[name]}"',
            f'private_key_file = "{name}.key"',
            f"mtu = {scene.INNER_MTU}",
            "[[portal]]",
            f'name = "{other}"',
            f'public_key = "{public[other]}"',
            f'routes = ["{scene.inner_network(other)}.0/{hosts.PREFIX}"]',
        ]
        for segment in scene.SEGMENTS:
            lines += ["[[portal.path]]", f'name = "segment{segment}"', f"local_port = {scene.port(segment, name)}"]
            if name == scene.HERE:
                lines += [
                    f'interface = "{scene.interface(segment, name)}"',
                    f'remote = "{scene.address(segment, other)}:{scene.port(segment, other)}"',
                ]
        (folder / f"{scene.TUN[name]}.toml").write_text("\n".join([*lines, ""]))
