"""The attack lab: two real portals, honest traffic between them, and a third host on both of their segments.

experiment.py   START HERE: which attacks, what has to hold, the table
lab.py          the program inside the lab's namespaces: portals, flow, captures, one trial after the other
hosts.py        its hosts and cables
scene.py        who has which address
attacker.py     the third host's program: sends frames at a rate, or answers those that it sees
frames.py       what it sends, made with Scapy
evidence.py     what captures prove: inner packets that nobody sent, or that came twice; answers
"""
