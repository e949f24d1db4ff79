# This is a generated file! Please edit source .ksy file and use kaitai-struct-compiler to rebuild

import kaitaistruct
from kaitaistruct import KaitaiStruct, KaitaiStream, BytesIO
from .. import extent as qemu_migration_extent
from enum import IntEnum


if getattr(kaitaistruct, 'API_VERSION', (0, 9)) < (0, 11):
    raise Exception("Incompatible Kaitai Struct Python API: 0.11 or later is required, but you have %s" % (kaitaistruct.__version__))

class QemuMigrationRamRecord(KaitaiStruct):
    """A page, or a mark between pages.
    
    It opens with a 64-bit word: an offset in a RAM block, a multiple of the page size, with flags in the low bits. On
    targets with pages of 256 bytes the two highest flags are bits of the offset.
    
    .. seealso::
       ram_load_precopy - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/ram.c
    """

    class RecordKind(IntEnum):
        zero = 2
        page = 8
        eos = 16
        xbzrle = 64
        hook = 128
        compress_page = 256
        multifd_flush = 512
    def __init__(self, page_size, _io, _parent=None, _root=None):
        super(QemuMigrationRamRecord, self).__init__(_io)
        self._parent = _parent
        self._root = _root or self
        self.page_size = page_size
        self._read()

    def _read(self):
        self.word = self._io.read_u8be()
        _ = self.word
        if not  ((self.kind == QemuMigrationRamRecord.RecordKind.zero) or (self.kind == QemuMigrationRamRecord.RecordKind.page) or (self.kind == QemuMigrationRamRecord.RecordKind.eos) or (self.kind == QemuMigrationRamRecord.RecordKind.xbzrle) or (self.kind == QemuMigrationRamRecord.RecordKind.compress_page) or (self.kind == QemuMigrationRamRecord.RecordKind.multifd_flush) or (self.kind == QemuMigrationRamRecord.RecordKind.hook)) :
            raise kaitaistruct.ValidationExprError(self.word, self._io, u"/seq/0")
        if self.has_block_name:
            pass
            self.len_block_name = self._io.read_u1()

        if self.has_block_name:
            pass
            self.block_name = (self._io.read_bytes(self.len_block_name)).decode(u"UTF-8")

        _on = self.kind
        if _on == QemuMigrationRamRecord.RecordKind.compress_page:
            pass
            self.body = QemuMigrationRamRecord.CompressedPage(self._io, self, self._root)
        elif _on == QemuMigrationRamRecord.RecordKind.page:
            pass
            self.body = qemu_migration_extent.QemuMigrationExtent(self.page_size, self._io)
        elif _on == QemuMigrationRamRecord.RecordKind.xbzrle:
            pass
            self.body = QemuMigrationRamRecord.XbzrlePage(self._io, self, self._root)
        elif _on == QemuMigrationRamRecord.RecordKind.zero:
            pass
            self.body = QemuMigrationRamRecord.ZeroPage(self._io, self, self._root)


    def _fetch_instances(self):
        pass
        if self.has_block_name:
            pass

        if self.has_block_name:
            pass

        _on = self.kind
        if _on == QemuMigrationRamRecord.RecordKind.compress_page:
            pass
            self.body._fetch_instances()
        elif _on == QemuMigrationRamRecord.RecordKind.page:
            pass
            self.body._fetch_instances()
        elif _on == QemuMigrationRamRecord.RecordKind.xbzrle:
            pass
            self.body._fetch_instances()
        elif _on == QemuMigrationRamRecord.RecordKind.zero:
            pass
            self.body._fetch_instances()

    class CompressedPage(KaitaiStruct):
        """a page in a zlib stream of its own; up to QEMU 9.0.
        
        .. seealso::
           ram_load_precopy - https://gitlab.com/qemu-project/qemu/-/blob/v7.2.0/migration/ram.c
        """
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationRamRecord.CompressedPage, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.len_compressed = self._io.read_u4be()
            if not self.len_compressed <= (((self._root.page_size + (self._root.page_size >> 12)) + (self._root.page_size >> 14)) + (self._root.page_size >> 25)) + 13:
                raise kaitaistruct.ValidationGreaterThanError((((self._root.page_size + (self._root.page_size >> 12)) + (self._root.page_size >> 14)) + (self._root.page_size >> 25)) + 13, self.len_compressed, self._io, u"/types/compressed_page/seq/0")
            self.compressed = self._io.read_bytes(self.len_compressed)


        def _fetch_instances(self):
            pass


    class XbzrlePage(KaitaiStruct):
        """how a page differs from what was sent of it before.
        
        .. seealso::
           load_xbzrle - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/ram.c
        """
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationRamRecord.XbzrlePage, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.encoding = self._io.read_bytes(1)
            if not self.encoding == b"\x01":
                raise kaitaistruct.ValidationNotEqualError(b"\x01", self.encoding, self._io, u"/types/xbzrle_page/seq/0")
            self.len_delta = self._io.read_u2be()
            if not self.len_delta <= self._root.page_size:
                raise kaitaistruct.ValidationGreaterThanError(self._root.page_size, self.len_delta, self._io, u"/types/xbzrle_page/seq/1")
            self.delta = self._io.read_bytes(self.len_delta)


        def _fetch_instances(self):
            pass


    class ZeroPage(KaitaiStruct):
        """a page that is all zero.
        
        .. seealso::
           save_zero_page - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/ram.c
        """
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationRamRecord.ZeroPage, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.fill = self._io.read_bytes(1)
            if not self.fill == b"\x00":
                raise kaitaistruct.ValidationNotEqualError(b"\x00", self.fill, self._io, u"/types/zero_page/seq/0")


        def _fetch_instances(self):
            pass


    @property
    def addr(self):
        """offset in the block."""
        if hasattr(self, '_m_addr'):
            return self._m_addr

        self._m_addr = self.word - self.flags
        return getattr(self, '_m_addr', None)

    @property
    def flags(self):
        if hasattr(self, '_m_flags'):
            return self._m_flags

        self._m_flags = self.word & self.page_size - 1
        return getattr(self, '_m_flags', None)

    @property
    def has_block_name(self):
        if hasattr(self, '_m_has_block_name'):
            return self._m_has_block_name

        self._m_has_block_name =  (((not (self.is_continue))) and (self.kind != QemuMigrationRamRecord.RecordKind.eos) and (self.kind != QemuMigrationRamRecord.RecordKind.multifd_flush) and (self.kind != QemuMigrationRamRecord.RecordKind.hook)) 
        return getattr(self, '_m_has_block_name', None)

    @property
    def is_continue(self):
        """the page lies in the same block as the one before it."""
        if hasattr(self, '_m_is_continue'):
            return self._m_is_continue

        self._m_is_continue = self.flags & 32 != 0
        return getattr(self, '_m_is_continue', None)

    @property
    def kind(self):
        if hasattr(self, '_m_kind'):
            return self._m_kind

        self._m_kind = KaitaiStream.resolve_enum(QemuMigrationRamRecord.RecordKind, self.flags & 16777183)
        return getattr(self, '_m_kind', None)


