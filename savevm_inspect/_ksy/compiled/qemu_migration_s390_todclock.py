# This is a generated file! Please edit source .ksy file and use kaitai-struct-compiler to rebuild

import kaitaistruct
from kaitaistruct import KaitaiStruct, KaitaiStream, BytesIO
from enum import IntEnum


if getattr(kaitaistruct, 'API_VERSION', (0, 9)) < (0, 11):
    raise Exception("Incompatible Kaitai Struct Python API: 0.11 or later is required, but you have %s" % (kaitaistruct.__version__))

class QemuMigrationS390Todclock(KaitaiStruct):
    """The time-of-day clock of an s390x guest.
    
    .. seealso::
       s390_tod_load - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/s390x/tod.c
    """

    class Presence(IntEnum):
        missing = 0
        present = 1
    def __init__(self, _io, _parent=None, _root=None):
        super(QemuMigrationS390Todclock, self).__init__(_io)
        self._parent = _parent
        self._root = _root or self
        self._read()

    def _read(self):
        self.presence = KaitaiStream.resolve_enum(QemuMigrationS390Todclock.Presence, self._io.read_u1())
        if not isinstance(self.presence, QemuMigrationS390Todclock.Presence):
            raise kaitaistruct.ValidationNotInEnumError(self.presence, self._io, u"/seq/0")
        if self.presence == QemuMigrationS390Todclock.Presence.present:
            pass
            self.clock = QemuMigrationS390Todclock.Clock(self._io, self, self._root)



    def _fetch_instances(self):
        pass
        if self.presence == QemuMigrationS390Todclock.Presence.present:
            pass
            self.clock._fetch_instances()


    class Clock(KaitaiStruct):
        """72 bits of an extended clock value; bit 51 of `low`, counted from the highest, stands for a microsecond."""
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationS390Todclock.Clock, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.high = self._io.read_u1()
            self.low = self._io.read_u8be()


        def _fetch_instances(self):
            pass



