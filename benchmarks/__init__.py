"""How fast the simulation is: against a peer, against the clock, and as rates and durations grow; and two portals."""
