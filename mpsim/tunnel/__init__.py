"""The multipath tunnel, sans-IO: no input, output, clock or global randomness. Start at endpoint.py."""
