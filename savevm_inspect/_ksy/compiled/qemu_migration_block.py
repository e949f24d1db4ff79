# This is a generated file! Please edit source .ksy file and use kaitai-struct-compiler to rebuild

import kaitaistruct
from kaitaistruct import KaitaiStruct, KaitaiStream, BytesIO
from .. import extent as qemu_migration_extent
from enum import IntEnum


if getattr(kaitaistruct, 'API_VERSION', (0, 9)) < (0, 11):
    raise Exception("Incompatible Kaitai Struct Python API: 0.11 or later is required, but you have %s" % (kaitaistruct.__version__))

class QemuMigrationBlock(KaitaiStruct):
    """Contents of the guest's disks, sent along with the machine; up to QEMU 9.0.
    
    .. seealso::
       block_load - https://gitlab.com/qemu-project/qemu/-/blob/v7.2.0/migration/block.c
    """

    class RecordKind(IntEnum):
        chunk = 1
        eos = 2
        progress = 4
        zero_chunk = 9
    def __init__(self, _io, _parent=None, _root=None):
        super(QemuMigrationBlock, self).__init__(_io)
        self._parent = _parent
        self._root = _root or self
        self._read()

    def _read(self):
        self.records = []
        i = 0
        while True:
            _ = QemuMigrationBlock.Record(self._io, self, self._root)
            self.records.append(_)
            if _.kind == QemuMigrationBlock.RecordKind.eos:
                break
            i += 1


    def _fetch_instances(self):
        pass
        for i in range(len(self.records)):
            pass
            self.records[i]._fetch_instances()


    class Chunk(KaitaiStruct):
        """a megabyte of a disk."""
        def __init__(self, is_zero, _io, _parent=None, _root=None):
            super(QemuMigrationBlock.Chunk, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self.is_zero = is_zero
            self._read()

        def _read(self):
            self.len_device = self._io.read_u1()
            self.device = (self._io.read_bytes(self.len_device)).decode(u"UTF-8")
            if (not (self.is_zero)):
                pass
                self.content = qemu_migration_extent.QemuMigrationExtent(1048576, self._io)



        def _fetch_instances(self):
            pass
            if (not (self.is_zero)):
                pass
                self.content._fetch_instances()



    class Record(KaitaiStruct):
        """a chunk of a disk, a word on the progress, or the end."""
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationBlock.Record, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.word = self._io.read_u8be()
            _ = self.word
            if not  ((self.kind == QemuMigrationBlock.RecordKind.chunk) or (self.kind == QemuMigrationBlock.RecordKind.zero_chunk) or (self.kind == QemuMigrationBlock.RecordKind.eos) or (self.kind == QemuMigrationBlock.RecordKind.progress)) :
                raise kaitaistruct.ValidationExprError(self.word, self._io, u"/types/record/seq/0")
            if  ((self.kind == QemuMigrationBlock.RecordKind.chunk) or (self.kind == QemuMigrationBlock.RecordKind.zero_chunk)) :
                pass
                self.chunk = QemuMigrationBlock.Chunk(self.kind == QemuMigrationBlock.RecordKind.zero_chunk, self._io, self, self._root)



        def _fetch_instances(self):
            pass
            if  ((self.kind == QemuMigrationBlock.RecordKind.chunk) or (self.kind == QemuMigrationBlock.RecordKind.zero_chunk)) :
                pass
                self.chunk._fetch_instances()


        @property
        def kind(self):
            if hasattr(self, '_m_kind'):
                return self._m_kind

            self._m_kind = KaitaiStream.resolve_enum(QemuMigrationBlock.RecordKind, self.word & 511)
            return getattr(self, '_m_kind', None)

        @property
        def number(self):
            """sector at which the chunk begins, or how many per cent of the disks have been sent once."""
            if hasattr(self, '_m_number'):
                return self._m_number

            self._m_number = (self.word - (self.word & 511)) // 512
            return getattr(self, '_m_number', None)



