"""A portal between real machines, and what it shares with the emulated one: loop, TUN, sockets.

START HERE: portal.py carries packets between a TUN and the endpoints (mpsim/tunnel), one for each other
portal; config.py is what the user wrote, association.py one other portal, port.py a UDP socket of paths.
"""
