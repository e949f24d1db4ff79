"""Questions about a migration, answered from all that the rooms below know."""
