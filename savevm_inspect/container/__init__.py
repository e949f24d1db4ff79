"""Where a stream lives: a file, a compressed one, a libvirt or qcow2 image, a capture folder, a pipe, memory."""
