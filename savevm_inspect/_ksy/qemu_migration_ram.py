# This is a generated file! Please edit source .ksy file and use kaitai-struct-compiler to rebuild

import kaitaistruct
from kaitaistruct import KaitaiStruct, KaitaiStream, BytesIO
from . import qemu_migration_mapped_ram
from . import extent as qemu_migration_extent
from enum import IntEnum


if getattr(kaitaistruct, 'API_VERSION', (0, 9)) < (0, 11):
    raise Exception("Incompatible Kaitai Struct Python API: 0.11 or later is required, but you have %s" % (kaitaistruct.__version__))

class QemuMigrationRam(KaitaiStruct):
    """The list of RAM blocks (in the `start` section only), then pages up to an end mark.
    
    Each record opens with a 64-bit word: an offset in a RAM block, a multiple of the page size, with flags in the
    low bits. On targets with pages of 256 bytes the two highest flags are bits of the offset.
    
    A page can be sent several times; the last one counts. With multifd most pages travel on other channels and
    with mapped-ram they lie at fixed places; then there are few or none here. A block of huge pages has a further
    number in the list if postcopy is on, which the stream does not tell: such lists are not described here, nor is
    RDMA.
    
    .. seealso::
       Source - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/ram.c
    """

    class RecordKind(IntEnum):
        zero = 2
        page = 8
        eos = 16
        xbzrle = 64
        compress_page = 256
        multifd_flush = 512
    def __init__(self, page_size, is_start, is_ignore_shared, is_mapped_ram, _io, _parent=None, _root=None):
        super(QemuMigrationRam, self).__init__(_io)
        self._parent = _parent
        self._root = _root or self
        self.page_size = page_size
        self.is_start = is_start
        self.is_ignore_shared = is_ignore_shared
        self.is_mapped_ram = is_mapped_ram
        self._read()

    def _read(self):
        self.page_size_known = self._io.read_bytes(0)
        _ = self.page_size_known
        if not  ((self.page_size >= 256) and (self.page_size & self.page_size - 1 == 0)) :
            raise kaitaistruct.ValidationExprError(self.page_size_known, self._io, u"/seq/0")
        if self.is_start:
            pass
            self.block_list = QemuMigrationRam.BlockList(self._io, self, self._root)

        self.records = []
        i = 0
        while True:
            _ = QemuMigrationRam.Record(self._io, self, self._root)
            self.records.append(_)
            if _.kind == QemuMigrationRam.RecordKind.eos:
                break
            i += 1


    def _fetch_instances(self):
        pass
        if self.is_start:
            pass
            self.block_list._fetch_instances()

        for i in range(len(self.records)):
            pass
            self.records[i]._fetch_instances()


    class Block(KaitaiStruct):
        def __init__(self, len_before, _io, _parent=None, _root=None):
            super(QemuMigrationRam.Block, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self.len_before = len_before
            self._read()

        def _read(self):
            self.len_name = self._io.read_u1()
            self.name = (self._io.read_bytes(self.len_name)).decode(u"UTF-8")
            self.len_used = self._io.read_u8be()
            if not self.len_used >= 1:
                raise kaitaistruct.ValidationLessThanError(1, self.len_used, self._io, u"/types/block/seq/2")
            if not self.len_used <= self._parent.len_total - self.len_before:
                raise kaitaistruct.ValidationGreaterThanError(self._parent.len_total - self.len_before, self.len_used, self._io, u"/types/block/seq/2")
            if self._root.is_ignore_shared:
                pass
                self.addr = self._io.read_u8be()

            if self._root.is_mapped_ram:
                pass
                self.mapped = qemu_migration_mapped_ram.QemuMigrationMappedRam(self.len_used, self._root.page_size, self._io)



        def _fetch_instances(self):
            pass
            if self._root.is_ignore_shared:
                pass

            if self._root.is_mapped_ram:
                pass
                self.mapped._fetch_instances()


        @property
        def len_sum(self):
            """sum of the lengths of the blocks up to and with this one."""
            if hasattr(self, '_m_len_sum'):
                return self._m_len_sum

            self._m_len_sum = self.len_before + self.len_used
            return getattr(self, '_m_len_sum', None)


    class BlockList(KaitaiStruct):
        """
        .. seealso::
           ram_save_setup - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/ram.c
        """
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationRam.BlockList, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.word = self._io.read_u8be()
            _ = self.word
            if not _ & self._root.page_size - 1 == 4:
                raise kaitaistruct.ValidationExprError(self.word, self._io, u"/types/block_list/seq/0")
            if self.len_total > 0:
                pass
                self.blocks = []
                i = 0
                while True:
                    _ = QemuMigrationRam.Block((0 if i == 0 else self.blocks[i - 1].len_sum), self._io, self, self._root)
                    self.blocks.append(_)
                    if _.len_sum == self.len_total:
                        break
                    i += 1



        def _fetch_instances(self):
            pass
            if self.len_total > 0:
                pass
                for i in range(len(self.blocks)):
                    pass
                    self.blocks[i]._fetch_instances()



        @property
        def len_total(self):
            """sum of the blocks' lengths in bytes."""
            if hasattr(self, '_m_len_total'):
                return self._m_len_total

            self._m_len_total = self.word - 4
            return getattr(self, '_m_len_total', None)


    class CompressedPage(KaitaiStruct):
        """a page in a zlib stream of its own; up to QEMU 9.0.
        
        .. seealso::
           ram_load_precopy - https://gitlab.com/qemu-project/qemu/-/blob/v7.2.0/migration/ram.c
        """
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationRam.CompressedPage, self).__init__(_io)
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


    class Record(KaitaiStruct):
        """
        .. seealso::
           ram_load_precopy - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/ram.c
        """
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationRam.Record, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.word = self._io.read_u8be()
            _ = self.word
            if not  ((self.kind == QemuMigrationRam.RecordKind.zero) or (self.kind == QemuMigrationRam.RecordKind.page) or (self.kind == QemuMigrationRam.RecordKind.eos) or (self.kind == QemuMigrationRam.RecordKind.xbzrle) or (self.kind == QemuMigrationRam.RecordKind.compress_page) or (self.kind == QemuMigrationRam.RecordKind.multifd_flush)) :
                raise kaitaistruct.ValidationExprError(self.word, self._io, u"/types/record/seq/0")
            if self.has_block_name:
                pass
                self.len_block_name = self._io.read_u1()

            if self.has_block_name:
                pass
                self.block_name = (self._io.read_bytes(self.len_block_name)).decode(u"UTF-8")

            _on = self.kind
            if _on == QemuMigrationRam.RecordKind.compress_page:
                pass
                self.body = QemuMigrationRam.CompressedPage(self._io, self, self._root)
            elif _on == QemuMigrationRam.RecordKind.page:
                pass
                self.body = qemu_migration_extent.QemuMigrationExtent(self._root.page_size, self._io)
            elif _on == QemuMigrationRam.RecordKind.xbzrle:
                pass
                self.body = QemuMigrationRam.XbzrlePage(self._io, self, self._root)
            elif _on == QemuMigrationRam.RecordKind.zero:
                pass
                self.body = QemuMigrationRam.ZeroPage(self._io, self, self._root)


        def _fetch_instances(self):
            pass
            if self.has_block_name:
                pass

            if self.has_block_name:
                pass

            _on = self.kind
            if _on == QemuMigrationRam.RecordKind.compress_page:
                pass
                self.body._fetch_instances()
            elif _on == QemuMigrationRam.RecordKind.page:
                pass
                self.body._fetch_instances()
            elif _on == QemuMigrationRam.RecordKind.xbzrle:
                pass
                self.body._fetch_instances()
            elif _on == QemuMigrationRam.RecordKind.zero:
                pass
                self.body._fetch_instances()

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

            self._m_flags = self.word & self._root.page_size - 1
            return getattr(self, '_m_flags', None)

        @property
        def has_block_name(self):
            if hasattr(self, '_m_has_block_name'):
                return self._m_has_block_name

            self._m_has_block_name =  (((not (self.is_continue))) and (self.kind != QemuMigrationRam.RecordKind.eos) and (self.kind != QemuMigrationRam.RecordKind.multifd_flush)) 
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

            self._m_kind = KaitaiStream.resolve_enum(QemuMigrationRam.RecordKind, self.flags & 16777183)
            return getattr(self, '_m_kind', None)


    class XbzrlePage(KaitaiStruct):
        """how a page differs from what was sent of it before.
        
        .. seealso::
           load_xbzrle - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/ram.c
        """
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationRam.XbzrlePage, self).__init__(_io)
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
            super(QemuMigrationRam.ZeroPage, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.fill = self._io.read_bytes(1)
            if not self.fill == b"\x00":
                raise kaitaistruct.ValidationNotEqualError(b"\x00", self.fill, self._io, u"/types/zero_page/seq/0")


        def _fetch_instances(self):
            pass



