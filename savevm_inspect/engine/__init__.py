"""The reference implementation: handlers, registry, phases, source, destination, a deterministic guest.

Sans-IO: :meth:`.play.migration.Migration.steps` plays both sides of a migration, and yields events before and after
each call of a handler. Whoever iterates owns the channels' bytes, the pace, and the decision to go on.
"""
