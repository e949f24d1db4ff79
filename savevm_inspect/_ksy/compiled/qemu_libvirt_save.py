# This is a generated file! Please edit source .ksy file and use kaitai-struct-compiler to rebuild

import kaitaistruct
from kaitaistruct import KaitaiStruct, KaitaiStream, BytesIO
from .. import extent as qemu_migration_extent
from enum import IntEnum


if getattr(kaitaistruct, 'API_VERSION', (0, 9)) < (0, 11):
    raise Exception("Incompatible Kaitai Struct Python API: 0.11 or later is required, but you have %s" % (kaitaistruct.__version__))

class QemuLibvirtSave(KaitaiStruct):
    """What `virsh save` and `virsh managedsave` write around a migration stream: a header in the byte order of the host,
    the domain's XML, and a cookie, which is XML too.
    
    .. seealso::
       virQEMUSaveHeader - https://gitlab.com/libvirt/libvirt/-/blob/v11.8.0/src/qemu/qemu_saveimage.h
    
    
    .. seealso::
       virQEMUSaveDataWrite - https://gitlab.com/libvirt/libvirt/-/blob/v11.8.0/src/qemu/qemu_saveimage.c
    """

    class Format(IntEnum):
        raw = 0
        gzip = 1
        bzip2 = 2
        xz = 3
        lzop = 4
        zstd = 5
        sparse = 6
    def __init__(self, _io, _parent=None, _root=None):
        super(QemuLibvirtSave, self).__init__(_io)
        self._parent = _parent
        self._root = _root or self
        self._read()

    def _read(self):
        self.magic = self._io.read_bytes(16)
        if not  ((self.magic == b"\x4C\x69\x62\x76\x69\x72\x74\x51\x65\x6D\x75\x64\x53\x61\x76\x65") or (self.magic == b"\x4C\x69\x62\x76\x69\x72\x74\x51\x65\x6D\x75\x64\x50\x61\x72\x74")) :
            raise kaitaistruct.ValidationNotAnyOfError(self.magic, self._io, u"/seq/0")
        self.header = QemuLibvirtSave.Header(self._io, self, self._root)
        self.domain_xml = (KaitaiStream.bytes_terminate(self._io.read_bytes((self.header.ofs_cookie if self.header.ofs_cookie != 0 else self.header.len_documents)), 0, False)).decode(u"UTF-8")
        if self.header.ofs_cookie != 0:
            pass
            self.cookie = (KaitaiStream.bytes_terminate(self._io.read_bytes(self.header.len_documents - self.header.ofs_cookie), 0, False)).decode(u"UTF-8")

        self.stream = qemu_migration_extent.QemuMigrationExtent(self._io.size() - self._io.pos(), self._io)


    def _fetch_instances(self):
        pass
        self.header._fetch_instances()
        if self.header.ofs_cookie != 0:
            pass

        self.stream._fetch_instances()
        _ = self.version_low_byte
        if hasattr(self, '_m_version_low_byte'):
            pass


    class Header(KaitaiStruct):
        """numbers that say how long and of what kind the rest is."""
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuLibvirtSave.Header, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            _on = self._root.version_low_byte
            if _on == 0:
                pass
                self._is_le = False
            else:
                pass
                self._is_le = True
            if not hasattr(self, '_is_le'):
                raise kaitaistruct.UndecidedEndiannessError("/types/header")
            elif self._is_le == True:
                self._read_le()
            elif self._is_le == False:
                self._read_be()

        def _read_le(self):
            self.version = self._io.read_u4le()
            if not self.version >= 1:
                raise kaitaistruct.ValidationLessThanError(1, self.version, self._io, u"/types/header/seq/0")
            if not self.version <= 2:
                raise kaitaistruct.ValidationGreaterThanError(2, self.version, self._io, u"/types/header/seq/0")
            self.len_documents = self._io.read_u4le()
            if not self.len_documents >= 1:
                raise kaitaistruct.ValidationLessThanError(1, self.len_documents, self._io, u"/types/header/seq/1")
            self.was_running = self._io.read_u4le()
            self.format = KaitaiStream.resolve_enum(QemuLibvirtSave.Format, self._io.read_u4le())
            self.ofs_cookie = self._io.read_u4le()
            if not self.ofs_cookie <= self.len_documents:
                raise kaitaistruct.ValidationGreaterThanError(self.len_documents, self.ofs_cookie, self._io, u"/types/header/seq/4")
            self.unused = self._io.read_bytes(56)

        def _read_be(self):
            self.version = self._io.read_u4be()
            if not self.version >= 1:
                raise kaitaistruct.ValidationLessThanError(1, self.version, self._io, u"/types/header/seq/0")
            if not self.version <= 2:
                raise kaitaistruct.ValidationGreaterThanError(2, self.version, self._io, u"/types/header/seq/0")
            self.len_documents = self._io.read_u4be()
            if not self.len_documents >= 1:
                raise kaitaistruct.ValidationLessThanError(1, self.len_documents, self._io, u"/types/header/seq/1")
            self.was_running = self._io.read_u4be()
            self.format = KaitaiStream.resolve_enum(QemuLibvirtSave.Format, self._io.read_u4be())
            self.ofs_cookie = self._io.read_u4be()
            if not self.ofs_cookie <= self.len_documents:
                raise kaitaistruct.ValidationGreaterThanError(self.len_documents, self.ofs_cookie, self._io, u"/types/header/seq/4")
            self.unused = self._io.read_bytes(56)


        def _fetch_instances(self):
            pass


    @property
    def is_complete(self):
        if hasattr(self, '_m_is_complete'):
            return self._m_is_complete

        self._m_is_complete = KaitaiStream.byte_array_index(self.magic, 12) == 83
        return getattr(self, '_m_is_complete', None)

    @property
    def version_low_byte(self):
        """first byte of the version; it is zero in big-endian images alone."""
        if hasattr(self, '_m_version_low_byte'):
            return self._m_version_low_byte

        _pos = self._io.pos()
        self._io.seek(16)
        self._m_version_low_byte = self._io.read_u1()
        self._io.seek(_pos)
        return getattr(self, '_m_version_low_byte', None)


