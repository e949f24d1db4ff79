"""Device state: the schema from a stream's description, and the bytes that it explains."""
