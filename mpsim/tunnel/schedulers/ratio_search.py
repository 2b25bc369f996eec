"""MuSher's search for the ratio between two paths (Saha et al., MobiCom 2019; see musher.py)."""

from __future__ import annotations

LEAST, MOST = 5, 95  # percent
SAMPLES = 5  # that the reference is the mean of, and that must differ from it in a row
# What a search waits for.
START, UP, DOWN, CLIMB = range(4)


class RatioSearch:
    """Is told the rate once in an interval, and moves `ratio`.

    Parameters
        ratio: share of the first path, percent
        step, holdoff, change, shrink, gain: as in Musher
    """

    def __init__(self, ratio: int, *, step: int, holdoff: float, change: float, shrink: float, gain: float) -> None:
        self.ratio = ratio
        self.running = False
        self._step, self._holdoff = step, holdoff
        self._change, self._shrink, self._gain = change, shrink, gain
        self._begun: float | None = None  # the last search, s
        self._rates: list[float] = []  # samples that make the reference
        self._held: list[int] = []
        self._differing = self._shrunk = 0  # samples in a row
        self._state = START
        self._direction = 1
        self._origin = ratio
        self._best = 0.0  # rate to beat, bit/s

    def sample(self, rate: float, held: int, now: float) -> None:
        """Take the summed rate (bit/s) of the last interval and what the paths hold (bytes)."""
        if self.running:
            self._go_on(rate)
        elif len(self._rates) < SAMPLES:
            self._rates.append(rate)
            self._held.append(held)
            if len(self._rates) == SAMPLES and self._begun is None:
                self._begin_first(now)
        elif self._is_different(rate, held):
            self._forget()
            if self._begun is None or now - self._begun >= self._holdoff:
                self._begin(now)

    def _is_different(self, rate: float, held: int) -> bool:
        """Return whether rate or holdings have differed from the reference for some samples running."""
        usual, usually_held = sum(self._rates) / SAMPLES, sum(self._held) / SAMPLES
        differs = abs(rate - usual) > self._change * usual
        shrank = held < (1 - self._shrink) * usually_held
        self._differing = self._differing + 1 if differs else 0
        self._shrunk = self._shrunk + 1 if shrank and not differs else 0
        return max(self._differing, self._shrunk) >= SAMPLES

    def _forget(self) -> None:
        self._rates.clear()
        self._held.clear()
        self._differing = self._shrunk = 0

    def _begin_first(self, now: float) -> None:
        """Begin to search once the rate is steady: windows that still grow say nothing of the ratio."""
        mean = sum(self._rates) / SAMPLES
        if max(self._rates) - min(self._rates) > 2 * self._change * mean:
            self._forget()
        else:
            self._begin(now)

    def _begin(self, now: float) -> None:
        self._forget()
        self.running, self._state, self._begun, self._origin = True, START, now, self.ratio

    def _end(self, ratio: int) -> None:
        self.running, self.ratio = False, ratio

    def _go_on(self, rate: float) -> None:
        if self._state == START:
            self._best = rate
            self._try(1)
        elif self._state == CLIMB:
            if rate < self._best:
                self._end(self.ratio - self._direction * self._step)
            else:
                self._best = rate
                self._climb()
        elif rate > self._best * (1 + self._gain):
            self._best = rate
            self._climb()
        elif self._state == UP:
            self._try(-1)
        else:
            self._end(self._origin)

    def _try(self, direction: int) -> None:
        """Go one step from where the search began; without room for it try the other direction, or end."""
        ratio = self._origin + direction * self._step
        if LEAST <= ratio <= MOST:
            self.ratio, self._direction = ratio, direction
            self._state = UP if direction > 0 else DOWN
        elif direction > 0:
            self._try(-1)
        else:
            self._end(self._origin)

    def _climb(self) -> None:
        """Go one step further, or end at the edge."""
        self._state = CLIMB
        ratio = self.ratio + self._direction * self._step
        if LEAST <= ratio <= MOST:
            self.ratio = ratio
        else:
            self._end(self.ratio)
