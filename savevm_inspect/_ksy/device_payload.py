"""The opaque type of ``qemu_migration_envelope.ksy``: a payload that only a description explains."""

from kaitaistruct import KaitaiStream, KaitaiStruct

from ..stream.values import FieldValue
from .devices import devices_of
from .extent import QemuMigrationExtent, read_at


class QemuMigrationDevicePayload(KaitaiStruct):  # type: ignore[misc] # the runtime has no types
    """A device's fields and subsections.

    Its length comes from the sizes in the description, its fields from the schema walker; they have to agree.

    Args:
        idstr: the device's name.
        instance_id: unsigned 32-bit number that distinguishes devices of one idstr.
        io: stands at the payload's first byte; left after its last one.

    Attributes:
        ofs_content: offset of the payload's first byte in ``io``.
        len_content: its length in bytes.
        is_described: whether a description names the device.
        fields: its fields in stream order, each with name, type, value and span.

    Raises:
        Unsupported: its length is unknown.
        SchemaError: the description is not what it must be.
        StreamError: it is not what the description says.
        EndOfStreamError: fewer bytes are left.
    """

    def __init__(
        self,
        idstr: str,
        instance_id: int,
        io: KaitaiStream,
        parent: KaitaiStruct | None = None,
        root: KaitaiStruct | None = None,
    ) -> None:
        super().__init__(io)
        self._parent = parent
        self._root = root
        self.idstr = idstr
        self.instance_id = instance_id
        devices = devices_of(io)
        self.ofs_content: int = io.pos()
        self.len_content = devices.length_of(idstr, instance_id, io)
        self.is_described = devices.state_of(idstr, instance_id) is not None
        self.fields: tuple[FieldValue, ...] = ()
        if self.is_described:
            self.fields = devices.fields_of(idstr, instance_id, io.read_bytes(self.len_content), io)
        else:
            QemuMigrationExtent(self.len_content, io)

    @property
    def content(self) -> bytes:
        """The payload's bytes, read anew each time; the stream's position is kept."""
        return read_at(self._io, self.ofs_content, self.len_content)

    def _fetch_instances(self) -> None:
        """Nothing is read late; compiled types ask every child."""
