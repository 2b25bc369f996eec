"""End hosts for the simulation, sans-IO: TCP, UDP at a constant rate, ping.

Each agent has the shape of an endpoint: `receive(packet, now)`, `packets_to_send()`, `next_timeout()`,
`handle_timeout(now)`; the driver carries its packets.
"""
