"""A real QEMU started, driven by QMP, watched and captured."""
