# This is a generated file! Please edit source .ksy file and use kaitai-struct-compiler to rebuild

import kaitaistruct
from kaitaistruct import KaitaiStruct, KaitaiStream, BytesIO
from enum import IntEnum


if getattr(kaitaistruct, 'API_VERSION', (0, 9)) < (0, 11):
    raise Exception("Incompatible Kaitai Struct Python API: 0.11 or later is required, but you have %s" % (kaitaistruct.__version__))

class QemuMigrationS390Skeys(KaitaiStruct):
    """Storage keys of an s390x guest, one for each page of 4096 bytes. Without keys there is the end mark alone.
    
    .. seealso::
       s390_storage_keys_load - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/s390x/s390-skeys.c
    """

    class Flag(IntEnum):
        eos = 1
        skeys = 2
        error = 4
    def __init__(self, _io, _parent=None, _root=None):
        super(QemuMigrationS390Skeys, self).__init__(_io)
        self._parent = _parent
        self._root = _root or self
        self._read()

    def _read(self):
        self.records = []
        i = 0
        while True:
            _ = QemuMigrationS390Skeys.Record(self._io, self, self._root)
            self.records.append(_)
            if _.flag == QemuMigrationS390Skeys.Flag.eos:
                break
            i += 1


    def _fetch_instances(self):
        pass
        for i in range(len(self.records)):
            pass
            self.records[i]._fetch_instances()


    class Record(KaitaiStruct):
        """a run of keys, or the end."""
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationS390Skeys.Record, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.word = self._io.read_u8be()
            _ = self.word
            if not  ((self.flag == QemuMigrationS390Skeys.Flag.eos) or (self.flag == QemuMigrationS390Skeys.Flag.skeys)) :
                raise kaitaistruct.ValidationExprError(self.word, self._io, u"/types/record/seq/0")
            if self.flag == QemuMigrationS390Skeys.Flag.skeys:
                pass
                self.num_keys = self._io.read_u8be()

            if self.flag == QemuMigrationS390Skeys.Flag.skeys:
                pass
                self.keys = self._io.read_bytes(self.num_keys)



        def _fetch_instances(self):
            pass
            if self.flag == QemuMigrationS390Skeys.Flag.skeys:
                pass

            if self.flag == QemuMigrationS390Skeys.Flag.skeys:
                pass


        @property
        def addr(self):
            """guest-physical address of the first page."""
            if hasattr(self, '_m_addr'):
                return self._m_addr

            self._m_addr = self.word - (self.word & 4095)
            return getattr(self, '_m_addr', None)

        @property
        def flag(self):
            if hasattr(self, '_m_flag'):
                return self._m_flag

            self._m_flag = KaitaiStream.resolve_enum(QemuMigrationS390Skeys.Flag, self.word & 4095)
            return getattr(self, '_m_flag', None)



