# This is a generated file! Please edit source .ksy file and use kaitai-struct-compiler to rebuild

import kaitaistruct
from kaitaistruct import KaitaiStruct, KaitaiStream, BytesIO
from . import qemu_migration_ram
from . import qemu_migration_dirty_bitmap
from . import qemu_migration_command
from enum import IntEnum


if getattr(kaitaistruct, 'API_VERSION', (0, 9)) < (0, 11):
    raise Exception("Incompatible Kaitai Struct Python API: 0.11 or later is required, but you have %s" % (kaitaistruct.__version__))

class QemuMigrationResumed(KaitaiStruct):
    """When the connection breaks during postcopy, the guest already runs on the destination, and the source can continue over
    another connection. There is no header, since this is no new stream: the first record is a command, `recv_bitmap`
    for each RAM block, then `postcopy_resume`, then sections of devices whose `start` section was on the channel that
    broke. Only what can be sent in postcopy is left by then: RAM, and dirty bitmaps.
    
    .. seealso::
       postcopy_do_resume - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/migration.c
    
    
    .. seealso::
       ram_dirty_bitmap_sync_all - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/ram.c
    """

    class RecordType(IntEnum):
        eof = 0
        section_part = 2
        section_end = 3
        command = 8
    def __init__(self, page_size, section_id_ram, section_id_dirty_bitmap, _io, _parent=None, _root=None):
        super(QemuMigrationResumed, self).__init__(_io)
        self._parent = _parent
        self._root = _root or self
        self.page_size = page_size
        self.section_id_ram = section_id_ram
        self.section_id_dirty_bitmap = section_id_dirty_bitmap
        self._read()

    def _read(self):
        self.records = []
        i = 0
        while True:
            _ = QemuMigrationResumed.Record(self._io, self, self._root)
            self.records.append(_)
            if _.record_type == QemuMigrationResumed.RecordType.eof:
                break
            i += 1


    def _fetch_instances(self):
        pass
        for i in range(len(self.records)):
            pass
            self.records[i]._fetch_instances()


    class Record(KaitaiStruct):
        """a section that continues, or a command."""
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationResumed.Record, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            if self.ofs_start >= 0:
                pass
                self.mark_start = self._io.read_bytes(0)

            self.record_type = KaitaiStream.resolve_enum(QemuMigrationResumed.RecordType, self._io.read_u1())
            if not isinstance(self.record_type, QemuMigrationResumed.RecordType):
                raise kaitaistruct.ValidationNotInEnumError(self.record_type, self._io, u"/types/record/seq/1")
            _on = self.record_type
            if _on == QemuMigrationResumed.RecordType.command:
                pass
                self.body = qemu_migration_command.QemuMigrationCommand(self._io)
            elif _on == QemuMigrationResumed.RecordType.section_end:
                pass
                self.body = QemuMigrationResumed.Section(self._io, self, self._root)
            elif _on == QemuMigrationResumed.RecordType.section_part:
                pass
                self.body = QemuMigrationResumed.Section(self._io, self, self._root)
            if self.ofs_end >= 0:
                pass
                self.mark_end = self._io.read_bytes(0)



        def _fetch_instances(self):
            pass
            if self.ofs_start >= 0:
                pass

            _on = self.record_type
            if _on == QemuMigrationResumed.RecordType.command:
                pass
                self.body._fetch_instances()
            elif _on == QemuMigrationResumed.RecordType.section_end:
                pass
                self.body._fetch_instances()
            elif _on == QemuMigrationResumed.RecordType.section_part:
                pass
                self.body._fetch_instances()
            if self.ofs_end >= 0:
                pass


        @property
        def ofs_end(self):
            """offset after the last byte of the record."""
            if hasattr(self, '_m_ofs_end'):
                return self._m_ofs_end

            self._m_ofs_end = self._io.pos()
            return getattr(self, '_m_ofs_end', None)

        @property
        def ofs_start(self):
            """offset of the type byte."""
            if hasattr(self, '_m_ofs_start'):
                return self._m_ofs_start

            self._m_ofs_start = self._io.pos()
            return getattr(self, '_m_ofs_start', None)


    class Section(KaitaiStruct):
        """more of RAM or of the dirty bitmaps."""
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationResumed.Section, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.section_id = self._io.read_u4be()
            if not  ((self.section_id == self._root.section_id_ram) or (self.section_id == self._root.section_id_dirty_bitmap)) :
                raise kaitaistruct.ValidationNotAnyOfError(self.section_id, self._io, u"/types/section/seq/0")
            _on = self.section_id == self._root.section_id_ram
            if _on == False:
                pass
                self.payload = qemu_migration_dirty_bitmap.QemuMigrationDirtyBitmap(self._io)
            elif _on == True:
                pass
                self.payload = qemu_migration_ram.QemuMigrationRam(self._root.page_size, False, False, False, self._io)
            if self.next_type == 126:
                pass
                self.footer = QemuMigrationResumed.SectionFooter(self.section_id, self._io, self, self._root)



        def _fetch_instances(self):
            pass
            _on = self.section_id == self._root.section_id_ram
            if _on == False:
                pass
                self.payload._fetch_instances()
            elif _on == True:
                pass
                self.payload._fetch_instances()
            if self.next_type == 126:
                pass
                self.footer._fetch_instances()

            _ = self.next_type
            if hasattr(self, '_m_next_type'):
                pass


        @property
        def next_type(self):
            if hasattr(self, '_m_next_type'):
                return self._m_next_type

            _pos = self._io.pos()
            self._io.seek(self._io.pos())
            self._m_next_type = self._io.read_u1()
            self._io.seek(_pos)
            return getattr(self, '_m_next_type', None)


    class SectionFooter(KaitaiStruct):
        """closes a section; absent for machine types with the property `send-section-footer` off."""
        def __init__(self, expected, _io, _parent=None, _root=None):
            super(QemuMigrationResumed.SectionFooter, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self.expected = expected
            self._read()

        def _read(self):
            self.magic = self._io.read_bytes(1)
            if not self.magic == b"\x7E":
                raise kaitaistruct.ValidationNotEqualError(b"\x7E", self.magic, self._io, u"/types/section_footer/seq/0")
            self.section_id = self._io.read_u4be()
            if not self.section_id == self.expected:
                raise kaitaistruct.ValidationNotEqualError(self.expected, self.section_id, self._io, u"/types/section_footer/seq/1")


        def _fetch_instances(self):
            pass



