# This is a generated file! Please edit source .ksy file and use kaitai-struct-compiler to rebuild

import kaitaistruct
from kaitaistruct import KaitaiStruct, KaitaiStream, BytesIO
from . import qemu_migration_mapped_ram
from . import qemu_migration_ram_record


if getattr(kaitaistruct, 'API_VERSION', (0, 9)) < (0, 11):
    raise Exception("Incompatible Kaitai Struct Python API: 0.11 or later is required, but you have %s" % (kaitaistruct.__version__))

class QemuMigrationRam(KaitaiStruct):
    """The list of RAM blocks (in the `start` section only), then pages up to an end mark.
    
    A page can be sent several times; the last one counts. With multifd most pages travel on other channels and
    with mapped-ram they are at fixed offsets; then there are few or none here. A block of huge pages has a further
    number in the list if postcopy is on, which the stream does not state: such lists are not described here, nor is
    RDMA.
    
    .. seealso::
       Source - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/ram.c
    """
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
            _ = qemu_migration_ram_record.QemuMigrationRamRecord(self.page_size, self._io)
            self.records.append(_)
            if _.kind == qemu_migration_ram_record.QemuMigrationRamRecord.RecordKind.eos:
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
        """a RAM block: its name and length."""
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
        """all RAM blocks, up to the sum of their lengths.
        
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



