"""The opaque type of ``qemu_migration_envelope.ksy``: a payload whose length only the description tells."""

from kaitaistruct import KaitaiStream, KaitaiStruct

from .device_lengths import payload_of


class QemuMigrationDevicePayload(KaitaiStruct):  # type: ignore[misc] # the runtime has no types
    """A device's fields and subsections, undivided.

    Args:
        idstr: the device's name.
        instance_id: unsigned 32-bit number that tells devices of one idstr apart.
        io: stands at the payload's first byte; behind its last one afterwards.

    Attributes:
        content: the payload's bytes.

    Raises:
        Unsupported: the stream has no description, or the description does not name the device.
        SchemaError: the description is not what it must be.
        EndOfStreamError: fewer bytes are left.
    """

    def __init__(self, idstr: str, instance_id: int, io: KaitaiStream) -> None:
        super().__init__(io)
        self.idstr = idstr
        self.instance_id = instance_id
        self.content = payload_of(io, idstr, instance_id)

    def _fetch_instances(self) -> None:
        """Nothing is read late; compiled types ask every child."""
