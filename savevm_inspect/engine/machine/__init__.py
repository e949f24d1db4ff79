"""A virtual machine: guest, devices' registry, descriptions, the lock, files."""
