"""The Kaitai reading of a stream: modules compiled from ``formats/*.ksy``, and what those can't say.

What lies in ``compiled`` was written by ``formats/compile.sh``, and so was ``parts.json``. All else is by hand: the
types ``device_payload`` and ``extent``, and what the first asks, ``devices`` and ``device_lengths``. Nothing here
shares a line with the framer and the payload readers of this package, so that the two readings check each other. The
fields within a device's payload are the exception: the schema walker reads them, and only their length is read twice.
"""
