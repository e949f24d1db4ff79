"""The source of a migration: what its user asks for, its threads, and the walks that save."""
