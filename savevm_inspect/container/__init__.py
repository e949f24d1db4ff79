"""Where a stream lives: a raw file, a compressed file, a capture folder."""
