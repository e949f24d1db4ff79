"""What QEMU's own trace events say of a migration, as the events of a capture."""
