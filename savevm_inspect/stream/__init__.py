"""Bytes to records and back: the cursor, the records, the framer, the writer and the event model."""
