"""The real world: the same endpoint on real TUN interfaces between Mininet hosts.

START HERE: run.py (what the command line calls), then driver.py (one run, inside namespaces of its
own), topology.py (the only Mininet), links.py and portal.py (the two programs in the data path).
"""
