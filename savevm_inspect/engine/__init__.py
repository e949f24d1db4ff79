"""The reference implementation: handlers, registry, phases, source, destination, a deterministic guest.

Sans-IO: a side is run by iterating over its ``steps()``, which yields events before and after each call of a
handler. Whoever iterates owns the channel's bytes, the pace, and the decision to go on.
"""
