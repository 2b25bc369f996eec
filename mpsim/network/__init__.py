"""What lies between the portals: links, their rates, losses and queues, and trace files.

Everything here is sans-IO: time is an argument. The simulator plays the clock for a link, and the
emulation shapes real packets with the very same objects.
"""
