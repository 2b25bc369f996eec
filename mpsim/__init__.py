"""mpsim: one multipath layer-3 tunnel, run in a simulated and in an emulated network."""
