"""The destination of a migration: what it reads, and what the commands do."""
