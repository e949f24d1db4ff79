"""The Kaitai reading of a stream: modules compiled from ``formats/*.ksy``, and what those can't say.

``device_lengths`` and ``qemu_migration_device_payload`` are written by hand, all others by
``formats/compile.sh``. They share nothing with the framer and the schema of this package, so that the two
readings check each other.
"""
