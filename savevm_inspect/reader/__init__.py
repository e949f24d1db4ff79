"""The composition root: containers, framer, payloads, schemas and memory joined into one stream."""
