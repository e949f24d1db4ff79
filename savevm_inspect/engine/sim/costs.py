"""What takes a thread how long, besides what it sends: few figures, of the size that was measured on real QEMUs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Each in time of the thread that does it; nanoseconds, unless its name says otherwise.

    Attributes:
        round_ns: a round of the migration thread, however little it sends.
        page_ns: finding a dirty page and copying it into what is sent; some 2.7 GB/s.
        multifd_byte_ps: sending a byte over a multifd channel, in picoseconds; 1.25 GB/s for each of them.
        fault_ns: hearing of a page that the guest waits for, and asking for it.
        place_ns: placing a page that the guest waits for (UFFDIO_COPY), and waking it.
        device_ns: loading the whole state of one device.
        start_ns: letting the destination's VM run, once all is there.
    """

    round_ns: int = 500_000
    page_ns: int = 1_500
    multifd_byte_ps: int = 800
    fault_ns: int = 60_000
    place_ns: int = 40_000
    device_ns: int = 300_000
    start_ns: int = 2_000_000
