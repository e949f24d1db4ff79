"""The Kaitai reading of a stream: modules compiled from ``formats/*.ksy``, and what those can't say.

What is named ``qemu_*`` was written by ``formats/compile.sh``, all else by hand: the types ``device_payload`` and
``extent``, and ``device_lengths``. They share nothing with the framer and the schema of this package, so that the
two readings check each other.
"""
