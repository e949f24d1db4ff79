"""The rules of a migration, as tables."""
