# This is a generated file! Please edit source .ksy file and use kaitai-struct-compiler to rebuild

import kaitaistruct
from kaitaistruct import KaitaiStruct, KaitaiStream, BytesIO
from .. import extent as qemu_migration_extent


if getattr(kaitaistruct, 'API_VERSION', (0, 9)) < (0, 11):
    raise Exception("Incompatible Kaitai Struct Python API: 0.11 or later is required, but you have %s" % (kaitaistruct.__version__))

class QemuMigrationMappedRam(KaitaiStruct):
    """With the capability `mapped-ram` each page of guest memory has a fixed offset in the file, so that a page that
    changes is written over instead of being sent again. This header follows each RAM block in the list of blocks.
    
    After it lie the bitmap, a gap up to a multiple of 1 MiB, and room for each page of the block. A page that is
    all zero is not written: its bit is not set, and its room is a hole in the file.
    
    .. seealso::
       MappedRamHeader - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/ram.c
    
    
    .. seealso::
       mapped_ram_setup_ramblock - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/ram.c
    """
    def __init__(self, len_used, page_size_expected, _io, _parent=None, _root=None):
        super(QemuMigrationMappedRam, self).__init__(_io)
        self._parent = _parent
        self._root = _root or self
        self.len_used = len_used
        self.page_size_expected = page_size_expected
        self._read()

    def _read(self):
        self.version = self._io.read_u4be()
        if not self.version == 1:
            raise kaitaistruct.ValidationNotEqualError(1, self.version, self._io, u"/seq/0")
        self.page_size = self._io.read_u8be()
        if not self.page_size == self.page_size_expected:
            raise kaitaistruct.ValidationNotEqualError(self.page_size_expected, self.page_size, self._io, u"/seq/1")
        self.ofs_bitmap = self._io.read_u8be()
        if not self.ofs_bitmap <= self._io.size():
            raise kaitaistruct.ValidationGreaterThanError(self._io.size(), self.ofs_bitmap, self._io, u"/seq/2")
        self.ofs_pages = self._io.read_u8be()
        if not self.ofs_pages <= self._io.size():
            raise kaitaistruct.ValidationGreaterThanError(self._io.size(), self.ofs_pages, self._io, u"/seq/3")
        if self.ofs_pages != 0:
            pass
            self.area = qemu_migration_extent.QemuMigrationExtent((self.ofs_pages + self.len_used) - self._io.pos(), self._io)



    def _fetch_instances(self):
        pass
        if self.ofs_pages != 0:
            pass
            self.area._fetch_instances()

        _ = self.bitmap
        if hasattr(self, '_m_bitmap'):
            pass

        _ = self.pages
        if hasattr(self, '_m_pages'):
            pass
            self._m_pages._fetch_instances()


    @property
    def bitmap(self):
        """a bit a page, set where the page is not all zero; little-endian words of 64 bits."""
        if hasattr(self, '_m_bitmap'):
            return self._m_bitmap

        if self.ofs_bitmap != 0:
            pass
            _pos = self._io.pos()
            self._io.seek(self.ofs_bitmap)
            self._m_bitmap = self._io.read_bytes(self.len_bitmap)
            self._io.seek(_pos)

        return getattr(self, '_m_bitmap', None)

    @property
    def len_bitmap(self):
        if hasattr(self, '_m_len_bitmap'):
            return self._m_len_bitmap

        self._m_len_bitmap = ((self.len_used // self.page_size + 63) // 64) * 8
        return getattr(self, '_m_len_bitmap', None)

    @property
    def pages(self):
        """room for each page, in order."""
        if hasattr(self, '_m_pages'):
            return self._m_pages

        if self.ofs_pages != 0:
            pass
            _pos = self._io.pos()
            self._io.seek(self.ofs_pages)
            self._m_pages = qemu_migration_extent.QemuMigrationExtent(self.len_used, self._io)
            self._io.seek(_pos)

        return getattr(self, '_m_pages', None)


