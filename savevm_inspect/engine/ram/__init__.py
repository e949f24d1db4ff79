"""What the RAM device is made of: which pages are dirty, how they go out, how they come in (migration/ram.c)."""
