"""Multipath TCP (RFC 8684) for the simulation: one connection over several subflows, each a TCP of its own.

sender.py shares the data out (scheduler, connection-level window, reinjection), subflow.py is what it
knows of one way, receiver.py brings the data into order again.
"""

from mpsim.hosts.mptcp.receiver import MptcpReceiver
from mpsim.hosts.mptcp.sender import MptcpSender
from mpsim.hosts.mptcp.subflow import Subflow

__all__ = ["MptcpReceiver", "MptcpSender", "Subflow"]
