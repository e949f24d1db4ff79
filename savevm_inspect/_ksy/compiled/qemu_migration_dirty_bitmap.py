# This is a generated file! Please edit source .ksy file and use kaitai-struct-compiler to rebuild

import kaitaistruct
from kaitaistruct import KaitaiStruct, KaitaiStream, BytesIO


if getattr(kaitaistruct, 'API_VERSION', (0, 9)) < (0, 11):
    raise Exception("Incompatible Kaitai Struct Python API: 0.11 or later is required, but you have %s" % (kaitaistruct.__version__))

class QemuMigrationDirtyBitmap(KaitaiStruct):
    """Dirty bitmaps of block devices (capability `dirty-bitmaps`). A chunk without names belongs to the bitmap that was
    named last.
    
    .. seealso::
       Source - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/block-dirty-bitmap.c
    """
    def __init__(self, _io, _parent=None, _root=None):
        super(QemuMigrationDirtyBitmap, self).__init__(_io)
        self._parent = _parent
        self._root = _root or self
        self._read()

    def _read(self):
        self.chunks = []
        i = 0
        while True:
            _ = QemuMigrationDirtyBitmap.Chunk(self._io, self, self._root)
            self.chunks.append(_)
            if _.is_eos:
                break
            i += 1


    def _fetch_instances(self):
        pass
        for i in range(len(self.chunks)):
            pass
            self.chunks[i]._fetch_instances()


    class Bits(KaitaiStruct):
        """a piece of a bitmap.
        
        .. seealso::
           dirty_bitmap_load_bits - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/block-dirty-bitmap.c
        """
        def __init__(self, is_zeroes, _io, _parent=None, _root=None):
            super(QemuMigrationDirtyBitmap.Bits, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self.is_zeroes = is_zeroes
            self._read()

        def _read(self):
            self.first_sector = self._io.read_u8be()
            self.num_sectors = self._io.read_u4be()
            if (not (self.is_zeroes)):
                pass
                self.len_content = self._io.read_u8be()

            if (not (self.is_zeroes)):
                pass
                self.content = self._io.read_bytes(self.len_content)



        def _fetch_instances(self):
            pass
            if (not (self.is_zeroes)):
                pass

            if (not (self.is_zeroes)):
                pass



    class Chunk(KaitaiStruct):
        """flags, and what they say that follows.
        
        .. seealso::
           dirty_bitmap_load_header - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/block-dirty-bitmap.c
        """
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationDirtyBitmap.Chunk, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.flags = self._io.read_u1()
            _ = self.flags
            if not _ & 128 == 0:
                raise kaitaistruct.ValidationExprError(self.flags, self._io, u"/types/chunk/seq/0")
            if self.flags & 8 != 0:
                pass
                self.node = QemuMigrationDirtyBitmap.CountedString(self._io, self, self._root)

            if self.flags & 4 != 0:
                pass
                self.bitmap = QemuMigrationDirtyBitmap.CountedString(self._io, self, self._root)

            if self.is_start:
                pass
                self.start = QemuMigrationDirtyBitmap.Start(self._io, self, self._root)

            if self.is_bits:
                pass
                self.bits = QemuMigrationDirtyBitmap.Bits(self.flags & 2 != 0, self._io, self, self._root)



        def _fetch_instances(self):
            pass
            if self.flags & 8 != 0:
                pass
                self.node._fetch_instances()

            if self.flags & 4 != 0:
                pass
                self.bitmap._fetch_instances()

            if self.is_start:
                pass
                self.start._fetch_instances()

            if self.is_bits:
                pass
                self.bits._fetch_instances()


        @property
        def is_bits(self):
            """a piece of a bitmap."""
            if hasattr(self, '_m_is_bits'):
                return self._m_is_bits

            self._m_is_bits =  ((self.flags & 64 != 0) and ((not (self.is_start))) and ((not (self.is_complete)))) 
            return getattr(self, '_m_is_bits', None)

        @property
        def is_complete(self):
            """a bitmap is complete."""
            if hasattr(self, '_m_is_complete'):
                return self._m_is_complete

            self._m_is_complete = self.flags & 32 != 0
            return getattr(self, '_m_is_complete', None)

        @property
        def is_eos(self):
            """end of the section's payload."""
            if hasattr(self, '_m_is_eos'):
                return self._m_is_eos

            self._m_is_eos = self.flags & 1 != 0
            return getattr(self, '_m_is_eos', None)

        @property
        def is_start(self):
            """a bitmap begins."""
            if hasattr(self, '_m_is_start'):
                return self._m_is_start

            self._m_is_start = self.flags & 16 != 0
            return getattr(self, '_m_is_start', None)


    class CountedString(KaitaiStruct):
        """a name with its length before it."""
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationDirtyBitmap.CountedString, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.len_text = self._io.read_u1()
            self.text = (self._io.read_bytes(self.len_text)).decode(u"UTF-8")


        def _fetch_instances(self):
            pass


    class Start(KaitaiStruct):
        """what a bitmap is, before its bits.
        
        .. seealso::
           dirty_bitmap_load_start - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/block-dirty-bitmap.c
        """
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationDirtyBitmap.Start, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.granularity = self._io.read_u4be()
            self.flags = self._io.read_u1()
            if not self.flags <= 7:
                raise kaitaistruct.ValidationGreaterThanError(7, self.flags, self._io, u"/types/start/seq/1")


        def _fetch_instances(self):
            pass

        @property
        def is_enabled(self):
            if hasattr(self, '_m_is_enabled'):
                return self._m_is_enabled

            self._m_is_enabled = self.flags & 1 != 0
            return getattr(self, '_m_is_enabled', None)

        @property
        def is_persistent(self):
            if hasattr(self, '_m_is_persistent'):
                return self._m_is_persistent

            self._m_is_persistent = self.flags & 2 != 0
            return getattr(self, '_m_is_persistent', None)



