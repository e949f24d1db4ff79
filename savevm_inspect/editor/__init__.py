"""A decoded stream, changed."""
