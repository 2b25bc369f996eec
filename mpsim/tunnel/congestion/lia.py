"""LIA, linked increases (RFC 6356): the coupled congestion control that Multipath TCP began with.

Together the paths grow as fast as one TCP would on the best of them, and most where least is lost; each
alone never faster than a TCP. Slow start and the answer to losses are those of NewReno (section 3).
"""

from __future__ import annotations

from mpsim.tunnel.congestion.coupled import Coupled


class Lia(Coupled):
    """Coupled: NewReno whose additive increase is shared by the siblings (RFC 6356).

    Parameters
        initial_window: window at the start, packets (RFC 6928)
        beta: what is left of the window after a loss, ratio
        minimum_window: smallest window, packets
    """

    name = "lia"

    def _increase(self) -> float:
        """Return alpha / cwnd_total of RFC 6356, section 3, in 1/bytes, or 1 / cwnd if that is less.

        alpha makes the sum as fast as a TCP on the best path; multiplied out, cwnd_total falls away.
        """
        if self.siblings is None:
            return 1 / self.cwnd
        best = total = 0.0
        for one in self.siblings.active:
            if one.srtt > 0:
                rate = one.cwnd / one.srtt
                best = max(best, rate / one.srtt)
                total += rate
        return min(best / total**2, 1 / self.cwnd) if total else 1 / self.cwnd
