"""What makes a datagram authentic and fresh: keys, sessions, anti-replay, cookies; guard.py joins them."""
