# This is a generated file! Please edit source .ksy file and use kaitai-struct-compiler to rebuild

import kaitaistruct
from kaitaistruct import KaitaiStruct, KaitaiStream, BytesIO
from .. import device_payload as qemu_migration_device_payload
from . import qemu_migration_pbs_state
from . import qemu_migration_s390_todclock
from . import qemu_migration_description
from . import qemu_migration_configuration
from . import qemu_migration_s390_stattrib
from . import qemu_migration_ram
from . import qemu_migration_spapr_htab
from . import qemu_migration_vfio
from . import qemu_migration_block
from . import qemu_migration_dirty_bitmap
from . import qemu_migration_s390_skeys
from .. import extent as qemu_migration_extent
from . import qemu_migration_command
from enum import IntEnum


if getattr(kaitaistruct, 'API_VERSION', (0, 9)) < (0, 11):
    raise Exception("Incompatible Kaitai Struct Python API: 0.11 or later is required, but you have %s" % (kaitaistruct.__version__))

class QemuMigrationEnvelope(KaitaiStruct):
    """The byte stream in which QEMU carries a virtual machine: what `savevm` keeps in an image, what `migrate` sends
    to another host or writes into a file. This is the main channel; the further channels of multifd and of
    postcopy preemption, and the return path, have formats of their own.
    
    A stream is a header, an optional configuration, records up to an end mark, and usually a description of the
    devices' states in JSON. The records are commands and sections. A device with little state has one section
    (`full`); one with much, such as RAM, has a `start`, any number of `part` and an `end` section.
    
    **The length of a device's section is written nowhere.** It follows from the device's list of fields, and of
    these the stream states only in the JSON description after the end mark. Kaitai Struct can't follow that, so
    such a payload is an opaque type, `qemu_migration_device_payload`, that has to be written by hand in the target
    language. It is given `idstr` and `instance_id`, starts at the payload's first byte and has to consume the
    payload exactly: find the entry of that `name` and `instance_id` in the description's `devices`, and add up
    `size` times `array_len` (1 where it is absent) of its `fields`, and for each of its `subsections` one byte,
    the name after a byte of length, a 32-bit version and, again, fields and subsections.
    
    Streams of the format before version 3 (QEMU 0.15), those inside a TLS session and those of Xen and COLO are
    not described here.
    
    .. seealso::
       Source - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c
    
    
    .. seealso::
       Source - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.h
    
    
    .. seealso::
       Stream structure - https://www.qemu.org/docs/master/devel/migration/main.html#stream-structure
    """

    class RecordType(IntEnum):
        eof = 0
        section_start = 1
        section_part = 2
        section_end = 3
        section_full = 4
        subsection = 5
        description = 6
        configuration = 7
        command = 8
        section_footer = 126
    def __init__(self, page_size_default, _io, _parent=None, _root=None):
        super(QemuMigrationEnvelope, self).__init__(_io)
        self._parent = _parent
        self._root = _root or self
        self.page_size_default = page_size_default
        self._read()

    def _read(self):
        self.magic = self._io.read_bytes(4)
        if not self.magic == b"\x51\x45\x56\x4D":
            raise kaitaistruct.ValidationNotEqualError(b"\x51\x45\x56\x4D", self.magic, self._io, u"/seq/0")
        self.version = self._io.read_u4be()
        if not self.version == 3:
            raise kaitaistruct.ValidationNotEqualError(3, self.version, self._io, u"/seq/1")
        if self.first_record_type == QemuMigrationEnvelope.RecordType.configuration:
            pass
            self.configuration = qemu_migration_configuration.QemuMigrationConfiguration(self._io)

        self.records = []
        i = 0
        while True:
            _ = QemuMigrationEnvelope.Record(i, (-1 if i == 0 else self.records[i - 1].idx_last_start), (self.page_size_of_start if i == 0 else self.records[i - 1].page_size), (0 if i == 0 else self.records[i - 1].ofs_package_end), self._io, self, self._root)
            self.records.append(_)
            if _.record_type == QemuMigrationEnvelope.RecordType.eof:
                break
            i += 1
        if  (((not (self._io.is_eof()))) and (self.type_after_eof == QemuMigrationEnvelope.RecordType.description)) :
            pass
            self.description = qemu_migration_description.QemuMigrationDescription(self._io)

        self.padding = qemu_migration_extent.QemuMigrationExtent(self._io.size() - self._io.pos(), self._io)


    def _fetch_instances(self):
        pass
        if self.first_record_type == QemuMigrationEnvelope.RecordType.configuration:
            pass
            self.configuration._fetch_instances()

        for i in range(len(self.records)):
            pass
            self.records[i]._fetch_instances()

        if  (((not (self._io.is_eof()))) and (self.type_after_eof == QemuMigrationEnvelope.RecordType.description)) :
            pass
            self.description._fetch_instances()

        self.padding._fetch_instances()
        _ = self.first_record_type
        if hasattr(self, '_m_first_record_type'):
            pass

        _ = self.type_after_eof
        if hasattr(self, '_m_type_after_eof'):
            pass


    class LivePayload(KaitaiStruct):
        """a payload with a format of its own, which ends where its own end mark says."""
        def __init__(self, format, is_start, page_size, _io, _parent=None, _root=None):
            super(QemuMigrationEnvelope.LivePayload, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self.format = format
            self.is_start = is_start
            self.page_size = page_size
            self._read()

        def _read(self):
            self.known = self._io.read_bytes(0)
            _ = self.known
            if not  ((self.is_ram) or (self.format == u"block") or (self.format == u"dirty-bitmap") or (self.format == u"spapr/htab") or (self.format == u"s390-storage_attributes") or (self.format == u"vfio") or (self.format == u"pbs-state")) :
                raise kaitaistruct.ValidationExprError(self.known, self._io, u"/types/live_payload/seq/0")
            _on = self.format
            if _on == u"block":
                pass
                self.content = qemu_migration_block.QemuMigrationBlock(self._io)
            elif _on == u"dirty-bitmap":
                pass
                self.content = qemu_migration_dirty_bitmap.QemuMigrationDirtyBitmap(self._io)
            elif _on == u"pbs-state":
                pass
                self.content = qemu_migration_pbs_state.QemuMigrationPbsState(self._io)
            elif _on == u"ram":
                pass
                self.content = qemu_migration_ram.QemuMigrationRam(self.page_size, self.is_start, self._root.is_ignore_shared, self._root.is_mapped_ram, self._io)
            elif _on == u"s390-storage_attributes":
                pass
                self.content = qemu_migration_s390_stattrib.QemuMigrationS390Stattrib(self._io)
            elif _on == u"spapr/htab":
                pass
                self.content = qemu_migration_spapr_htab.QemuMigrationSpaprHtab(self._io)
            elif _on == u"vfio":
                pass
                self.content = qemu_migration_vfio.QemuMigrationVfio(False, self._io)


        def _fetch_instances(self):
            pass
            _on = self.format
            if _on == u"block":
                pass
                self.content._fetch_instances()
            elif _on == u"dirty-bitmap":
                pass
                self.content._fetch_instances()
            elif _on == u"pbs-state":
                pass
                self.content._fetch_instances()
            elif _on == u"ram":
                pass
                self.content._fetch_instances()
            elif _on == u"s390-storage_attributes":
                pass
                self.content._fetch_instances()
            elif _on == u"spapr/htab":
                pass
                self.content._fetch_instances()
            elif _on == u"vfio":
                pass
                self.content._fetch_instances()

        @property
        def is_ram(self):
            if hasattr(self, '_m_is_ram'):
                return self._m_is_ram

            self._m_is_ram = self.format == u"ram"
            return getattr(self, '_m_is_ram', None)


    class Opening(KaitaiStruct):
        """the `start` section of a number, found by going back from one `start` section to the one before it."""
        def __init__(self, section_id, idx_start, num_later, _io, _parent=None, _root=None):
            super(QemuMigrationEnvelope.Opening, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self.section_id = section_id
            self.idx_start = idx_start
            self.num_later = num_later
            self._read()

        def _read(self):
            self.found = self._io.read_bytes(0)
            _ = self.found
            if not  ((self.is_here) or ( ((self.record.idx_start_before >= 0) and (self.num_later < 31)) )) :
                raise kaitaistruct.ValidationExprError(self.found, self._io, u"/types/opening/seq/0")


        def _fetch_instances(self):
            pass
            _ = self.earlier
            if hasattr(self, '_m_earlier'):
                pass
                self._m_earlier._fetch_instances()


        @property
        def earlier(self):
            if hasattr(self, '_m_earlier'):
                return self._m_earlier

            if (not (self.is_here)):
                pass
                self._m_earlier = QemuMigrationEnvelope.Opening(self.section_id, self.record.idx_start_before, self.num_later + 1, self._io, self, self._root)

            return getattr(self, '_m_earlier', None)

        @property
        def is_here(self):
            if hasattr(self, '_m_is_here'):
                return self._m_is_here

            self._m_is_here = self.start.name.section_id == self.section_id
            return getattr(self, '_m_is_here', None)

        @property
        def name(self):
            if hasattr(self, '_m_name'):
                return self._m_name

            self._m_name = (self.start.name if self.is_here else self.earlier.name)
            return getattr(self, '_m_name', None)

        @property
        def record(self):
            if hasattr(self, '_m_record'):
                return self._m_record

            self._m_record = self._root.records[self.idx_start]
            return getattr(self, '_m_record', None)

        @property
        def start(self):
            if hasattr(self, '_m_start'):
                return self._m_start

            self._m_start = self.record.body
            return getattr(self, '_m_start', None)


    class Record(KaitaiStruct):
        """A section, a command or the end mark.
        
        A `part` and an `end` section do not say which device they belong to, only the number that the `start`
        section bound to it. Each record therefore remembers where the last `start` record before it is, and with
        that the chain of all of them.
        
        The command `packaged` says how many bytes of records after it belong together: a destination reads all of
        them before it acts on the first, since the channel has to be free for pages by then. They are records like all
        others, and stand in the same list.
        """
        def __init__(self, idx, idx_start_before, page_size_before, ofs_package_end_before, _io, _parent=None, _root=None):
            super(QemuMigrationEnvelope.Record, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self.idx = idx
            self.idx_start_before = idx_start_before
            self.page_size_before = page_size_before
            self.ofs_package_end_before = ofs_package_end_before
            self._read()

        def _read(self):
            if self.ofs_start >= 0:
                pass
                self.mark_start = self._io.read_bytes(0)

            self.record_type = KaitaiStream.resolve_enum(QemuMigrationEnvelope.RecordType, self._io.read_u1())
            if not  ((self.record_type == QemuMigrationEnvelope.RecordType.eof) or (self.record_type == QemuMigrationEnvelope.RecordType.section_start) or (self.record_type == QemuMigrationEnvelope.RecordType.section_part) or (self.record_type == QemuMigrationEnvelope.RecordType.section_end) or (self.record_type == QemuMigrationEnvelope.RecordType.section_full) or (self.record_type == QemuMigrationEnvelope.RecordType.command)) :
                raise kaitaistruct.ValidationNotAnyOfError(self.record_type, self._io, u"/types/record/seq/1")
            _on = self.record_type
            if _on == QemuMigrationEnvelope.RecordType.command:
                pass
                self.body = qemu_migration_command.QemuMigrationCommand(self._io)
            elif _on == QemuMigrationEnvelope.RecordType.section_end:
                pass
                self.body = QemuMigrationEnvelope.SectionPart(self._io, self, self._root)
            elif _on == QemuMigrationEnvelope.RecordType.section_full:
                pass
                self.body = QemuMigrationEnvelope.SectionFull(self._io, self, self._root)
            elif _on == QemuMigrationEnvelope.RecordType.section_part:
                pass
                self.body = QemuMigrationEnvelope.SectionPart(self._io, self, self._root)
            elif _on == QemuMigrationEnvelope.RecordType.section_start:
                pass
                self.body = QemuMigrationEnvelope.SectionStart(self._io, self, self._root)
            self.mark_end = self._io.read_bytes(0)
            _ = self.mark_end
            if not  ((self.ofs_end <= self.ofs_package_end_before) or ((not (self.is_packaged)))) :
                raise kaitaistruct.ValidationExprError(self.mark_end, self._io, u"/types/record/seq/3")


        def _fetch_instances(self):
            pass
            if self.ofs_start >= 0:
                pass

            _on = self.record_type
            if _on == QemuMigrationEnvelope.RecordType.command:
                pass
                self.body._fetch_instances()
            elif _on == QemuMigrationEnvelope.RecordType.section_end:
                pass
                self.body._fetch_instances()
            elif _on == QemuMigrationEnvelope.RecordType.section_full:
                pass
                self.body._fetch_instances()
            elif _on == QemuMigrationEnvelope.RecordType.section_part:
                pass
                self.body._fetch_instances()
            elif _on == QemuMigrationEnvelope.RecordType.section_start:
                pass
                self.body._fetch_instances()

        @property
        def idx_last_start(self):
            """index of the last `start` record up to and with this one; -1 if there is none."""
            if hasattr(self, '_m_idx_last_start'):
                return self._m_idx_last_start

            self._m_idx_last_start = (self.idx if self.record_type == QemuMigrationEnvelope.RecordType.section_start else self.idx_start_before)
            return getattr(self, '_m_idx_last_start', None)

        @property
        def is_packaged(self):
            """the record lies in a package."""
            if hasattr(self, '_m_is_packaged'):
                return self._m_is_packaged

            self._m_is_packaged = self.ofs_start < self.ofs_package_end_before
            return getattr(self, '_m_is_packaged', None)

        @property
        def ofs_end(self):
            """offset after the last byte of the record."""
            if hasattr(self, '_m_ofs_end'):
                return self._m_ofs_end

            self._m_ofs_end = self._io.pos()
            return getattr(self, '_m_ofs_end', None)

        @property
        def ofs_package_end(self):
            """offset after the last package that was announced up to and with this record; 0 if there was none."""
            if hasattr(self, '_m_ofs_package_end'):
                return self._m_ofs_package_end

            self._m_ofs_package_end = (self.ofs_end + self.body.len_package if  ((self.record_type == QemuMigrationEnvelope.RecordType.command) and (self.body.len_package != 0))  else self.ofs_package_end_before)
            return getattr(self, '_m_ofs_package_end', None)

        @property
        def ofs_start(self):
            """offset of the type byte."""
            if hasattr(self, '_m_ofs_start'):
                return self._m_ofs_start

            self._m_ofs_start = self._io.pos()
            return getattr(self, '_m_ofs_start', None)

        @property
        def page_size(self):
            """size of a target page in bytes as known after this record; 0 if it is not."""
            if hasattr(self, '_m_page_size'):
                return self._m_page_size

            self._m_page_size = (self.body.page_size if  ((self.record_type == QemuMigrationEnvelope.RecordType.command) and (self.body.page_size != 0))  else self.page_size_before)
            return getattr(self, '_m_page_size', None)


    class SectionFooter(KaitaiStruct):
        """closes a section; absent for machine types with the property `send-section-footer` off.
        
        .. seealso::
           save_section_footer - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c
        """
        def __init__(self, expected, _io, _parent=None, _root=None):
            super(QemuMigrationEnvelope.SectionFooter, self).__init__(_io)
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


    class SectionFull(KaitaiStruct):
        """the only section of a device."""
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationEnvelope.SectionFull, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.name = QemuMigrationEnvelope.SectionName(self._io, self, self._root)
            _on = self.name.format
            if _on == u"s390-skeys":
                pass
                self.payload = qemu_migration_s390_skeys.QemuMigrationS390Skeys(self._io)
            elif _on == u"todclock":
                pass
                self.payload = qemu_migration_s390_todclock.QemuMigrationS390Todclock(self._io)
            elif _on == u"vfio":
                pass
                self.payload = qemu_migration_vfio.QemuMigrationVfio(True, self._io)
            else:
                pass
                self.payload = qemu_migration_device_payload.QemuMigrationDevicePayload(self.name.idstr, self.name.instance_id, self._io)
            if self.next_type == QemuMigrationEnvelope.RecordType.section_footer:
                pass
                self.footer = QemuMigrationEnvelope.SectionFooter(self.name.section_id, self._io, self, self._root)



        def _fetch_instances(self):
            pass
            self.name._fetch_instances()
            _on = self.name.format
            if _on == u"s390-skeys":
                pass
                self.payload._fetch_instances()
            elif _on == u"todclock":
                pass
                self.payload._fetch_instances()
            elif _on == u"vfio":
                pass
                self.payload._fetch_instances()
            else:
                pass
                self.payload._fetch_instances()
            if self.next_type == QemuMigrationEnvelope.RecordType.section_footer:
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
            self._m_next_type = KaitaiStream.resolve_enum(QemuMigrationEnvelope.RecordType, self._io.read_u1())
            self._io.seek(_pos)
            return getattr(self, '_m_next_type', None)


    class SectionName(KaitaiStruct):
        """what `start` and `full` sections bind their number to.
        
        .. seealso::
           save_section_header - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c
        """
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationEnvelope.SectionName, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.section_id = self._io.read_u4be()
            self.len_idstr = self._io.read_u1()
            self.idstr = (self._io.read_bytes(self.len_idstr)).decode(u"UTF-8")
            self.instance_id = self._io.read_u4be()
            self.version_id = self._io.read_u4be()


        def _fetch_instances(self):
            pass

        @property
        def format(self):
            """what decides the payload's format, the `idstr`; of a VFIO device without the path before it."""
            if hasattr(self, '_m_format'):
                return self._m_format

            self._m_format = (u"vfio" if  ((len(self.idstr) >= 5) and (self.idstr[len(self.idstr) - 5:len(self.idstr)] == u"/vfio"))  else self.idstr)
            return getattr(self, '_m_format', None)


    class SectionPart(KaitaiStruct):
        """a further section of a device that has several; an `end` section looks the same."""
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationEnvelope.SectionPart, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.section_id = self._io.read_u4be()
            _ = self.section_id
            if not self._parent.idx_start_before >= 0:
                raise kaitaistruct.ValidationExprError(self.section_id, self._io, u"/types/section_part/seq/0")
            self.opening = QemuMigrationEnvelope.Opening(self.section_id, self._parent.idx_start_before, 0, self._io, self, self._root)
            self.payload = QemuMigrationEnvelope.LivePayload(self.opening.name.format, False, self._parent.page_size_before, self._io, self, self._root)
            if self.next_type == QemuMigrationEnvelope.RecordType.section_footer:
                pass
                self.footer = QemuMigrationEnvelope.SectionFooter(self.section_id, self._io, self, self._root)



        def _fetch_instances(self):
            pass
            self.opening._fetch_instances()
            self.payload._fetch_instances()
            if self.next_type == QemuMigrationEnvelope.RecordType.section_footer:
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
            self._m_next_type = KaitaiStream.resolve_enum(QemuMigrationEnvelope.RecordType, self._io.read_u1())
            self._io.seek(_pos)
            return getattr(self, '_m_next_type', None)


    class SectionStart(KaitaiStruct):
        """the first section of a device that has several."""
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationEnvelope.SectionStart, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.name = QemuMigrationEnvelope.SectionName(self._io, self, self._root)
            self.payload = QemuMigrationEnvelope.LivePayload(self.name.format, True, self._parent.page_size_before, self._io, self, self._root)
            if self.next_type == QemuMigrationEnvelope.RecordType.section_footer:
                pass
                self.footer = QemuMigrationEnvelope.SectionFooter(self.name.section_id, self._io, self, self._root)



        def _fetch_instances(self):
            pass
            self.name._fetch_instances()
            self.payload._fetch_instances()
            if self.next_type == QemuMigrationEnvelope.RecordType.section_footer:
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
            self._m_next_type = KaitaiStream.resolve_enum(QemuMigrationEnvelope.RecordType, self._io.read_u1())
            self._io.seek(_pos)
            return getattr(self, '_m_next_type', None)


    @property
    def first_record_type(self):
        if hasattr(self, '_m_first_record_type'):
            return self._m_first_record_type

        _pos = self._io.pos()
        self._io.seek(self._io.pos())
        self._m_first_record_type = KaitaiStream.resolve_enum(QemuMigrationEnvelope.RecordType, self._io.read_u1())
        self._io.seek(_pos)
        return getattr(self, '_m_first_record_type', None)

    @property
    def is_ignore_shared(self):
        """shared RAM blocks are listed with an address, and their content stays where it is."""
        if hasattr(self, '_m_is_ignore_shared'):
            return self._m_is_ignore_shared

        self._m_is_ignore_shared =  ((self.first_record_type == QemuMigrationEnvelope.RecordType.configuration) and (self.configuration.is_ignore_shared)) 
        return getattr(self, '_m_is_ignore_shared', None)

    @property
    def is_mapped_ram(self):
        """pages are at fixed offsets in the file instead of in RAM records."""
        if hasattr(self, '_m_is_mapped_ram'):
            return self._m_is_mapped_ram

        self._m_is_mapped_ram =  ((self.first_record_type == QemuMigrationEnvelope.RecordType.configuration) and (self.configuration.is_mapped_ram)) 
        return getattr(self, '_m_is_mapped_ram', None)

    @property
    def page_size_of_start(self):
        """size of a target page in bytes, as known when the records begin."""
        if hasattr(self, '_m_page_size_of_start'):
            return self._m_page_size_of_start

        self._m_page_size_of_start = (1 << self.configuration.page_bits if  ((self.first_record_type == QemuMigrationEnvelope.RecordType.configuration) and (self.configuration.page_bits != 0))  else self.page_size_default)
        return getattr(self, '_m_page_size_of_start', None)

    @property
    def type_after_eof(self):
        if hasattr(self, '_m_type_after_eof'):
            return self._m_type_after_eof

        _pos = self._io.pos()
        self._io.seek(self._io.pos())
        self._m_type_after_eof = KaitaiStream.resolve_enum(QemuMigrationEnvelope.RecordType, self._io.read_u1())
        self._io.seek(_pos)
        return getattr(self, '_m_type_after_eof', None)


