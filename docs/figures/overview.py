"""Draw overview.png, the picture on the first page: ``python docs/figures/overview.py``."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

HERE = Path(__file__).parent
INK, BLUE, ORANGE, GREY = "#222222", "#0072B2", "#E69F00", "#eeeeee"


def box(room: Axes, x: float, y: float, width: float, height: float, text: str, fill: str = GREY) -> None:
    """Draw a box with its text in the middle."""
    style = "round,pad=0,rounding_size=0.12"
    room.add_patch(FancyBboxPatch((x, y), width, height, boxstyle=style, facecolor=fill, edgecolor=INK, linewidth=0.9))
    room.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=8.5, color=INK, linespacing=1.4)


def cable(room: Axes, x: tuple[float, ...], y: tuple[float, ...], colour: str = INK, text: str = "") -> None:
    """Draw a line, and what it is above it."""
    room.plot(x, y, color=colour, linewidth=1.6, solid_capstyle="round", zorder=0)
    if text:
        room.text(sum(x) / len(x), max(y) + 0.09, text, ha="center", va="bottom", fontsize=8, color=colour)


def draw() -> Figure:
    """Draw the tunnel between its hosts, and under it the two worlds that it runs in."""
    figure = Figure(figsize=(7.4, 3.6))
    room = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    room.set(xlim=(0, 14.8), ylim=(0, 7.2))
    room.axis("off")
    cable(room, (1.9, 2.7), (5.6, 5.6))
    cable(room, (12.1, 12.9), (5.6, 5.6))
    cable(room, (5.2, 6.2, 8.6, 9.6), (5.8, 6.2, 6.2, 5.8), BLUE, "path over link a")
    cable(room, (5.2, 6.2, 8.6, 9.6), (5.4, 5.0, 5.0, 5.4), ORANGE, "path over link b")
    box(room, 0.3, 5.0, 1.6, 1.2, "client")
    box(room, 2.7, 5.0, 2.5, 1.2, "local portal\nEndpoint", "#dcebf5")
    box(room, 9.6, 5.0, 2.5, 1.2, "remote portal\nEndpoint", "#dcebf5")
    box(room, 12.9, 5.0, 1.6, 1.2, "server")
    room.text(7.4, 4.05, "the same Endpoint, scheduler, congestion control and Link in", ha="center", fontsize=8.5)
    simulation = "SimPy plays the clock, simulated TCP, UDP and ping,\nno root, the same result each time"
    emulation = "Mininet hosts, real TUN interfaces, kernel TCP,\nroot on Linux, says when not to be believed"
    box(room, 0.3, 1.85, 6.9, 1.75, f"simulation (mpsim run)\n{simulation}")
    box(room, 7.6, 1.85, 6.9, 1.75, f"emulation (mpsim emulate)\n{emulation}")
    cable(room, (3.75, 3.75), (1.85, 1.2))
    cable(room, (11.05, 11.05), (1.85, 1.2))
    box(
        room,
        2.2,
        0.25,
        10.4,
        0.95,
        "one scenario.toml   |   one result.json, series.csv   |   one set of figures",
        "white",
    )
    return figure


if __name__ == "__main__":
    picture = draw()
    picture.savefig(HERE / "overview.png", dpi=200, metadata={"Software": None})
