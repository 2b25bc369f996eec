"""Traces of capacity: reading and writing their formats, what they are like, making and measuring them.

What a link is driven by is always the same: times at which it could deliver 1500 bytes (``opportunities``). Formats
that give a rate over time become such times by a rule that can be chosen, see ``spreading``.
"""
