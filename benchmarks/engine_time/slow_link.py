"""A line of its own bandwidth and delay between two Unix sockets, in a process of its own.

    python slow_link.py LISTEN TARGET BYTES_PER_S DELAY_S

Each connection to LISTEN becomes one to TARGET. All of them share one wire in each direction: bytes are read from a
sender's socket as fast as the wire takes them, and arrive after the delay. What the wire has not taken yet waits in
the sender's socket buffer, as it does on a network.
"""

import queue
import socket
import sys
import threading
import time

_CHUNK_BYTES = 8192
_SLACK_S = 0.002
"""How much later than the wire was free a chunk may be read and still count as sent without a pause."""


class Wire:
    """One direction, shared by all connections.

    Args:
        bytes_per_s: its bandwidth.
    """

    def __init__(self, bytes_per_s: float) -> None:
        self._bytes_per_s = bytes_per_s
        self._free_at = 0.0
        self._lock = threading.Lock()

    def send(self, length: int) -> float:
        """Queue bytes, and return when the wire has taken them, by the monotonic clock."""
        with self._lock:
            self._free_at = max(self._free_at, time.monotonic() - _SLACK_S) + length / self._bytes_per_s
            return self._free_at


def sleep_until(when: float) -> None:
    """Return at a time of the monotonic clock, or at once."""
    left = when - time.monotonic()
    if left > 0:
        time.sleep(left)


def deliver(pieces: "queue.SimpleQueue[tuple[float, bytes]]", receiver: socket.socket) -> None:
    """Hand out each piece when it is due; an empty one is the end."""
    while True:
        due, piece = pieces.get()
        sleep_until(due)
        try:
            if not piece:
                receiver.shutdown(socket.SHUT_WR)
                return
            receiver.sendall(piece)
        except OSError:  # it has gone; what is still on its way is lost, as on a network
            return


def carry(sender: socket.socket, receiver: socket.socket, wire: Wire, delay_s: float) -> None:
    """Carry one direction of one connection to its end."""
    pieces: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
    threading.Thread(target=deliver, args=(pieces, receiver), daemon=True).start()
    while True:
        try:
            piece = sender.recv(_CHUNK_BYTES)
        except OSError:
            piece = b""
        sent_at = wire.send(len(piece))
        sleep_until(sent_at)
        pieces.put((sent_at + delay_s, piece))
        if not piece:
            return


def main() -> None:
    """Listen, and connect each connection."""
    listen, target, bytes_per_s, delay_s = sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
    there, back = Wire(bytes_per_s), Wire(bytes_per_s)
    server = socket.socket(socket.AF_UNIX)
    server.bind(listen)
    server.listen()
    print("listening", flush=True)
    while True:
        near, _ = server.accept()
        far = socket.socket(socket.AF_UNIX)
        far.connect(target)
        threading.Thread(target=carry, args=(near, far, there, delay_s), daemon=True).start()
        threading.Thread(target=carry, args=(far, near, back, delay_s), daemon=True).start()


if __name__ == "__main__":
    main()
