# This is a generated file! Please edit source .ksy file and use kaitai-struct-compiler to rebuild

import kaitaistruct
from kaitaistruct import KaitaiStruct, KaitaiStream, BytesIO


if getattr(kaitaistruct, 'API_VERSION', (0, 9)) < (0, 11):
    raise Exception("Incompatible Kaitai Struct Python API: 0.11 or later is required, but you have %s" % (kaitaistruct.__version__))

class QemuMigrationSpaprHtab(KaitaiStruct):
    """The hash page table of a POWER guest (pseries machine).
    
    .. seealso::
       htab_load - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/ppc/spapr.c
    """
    def __init__(self, _io, _parent=None, _root=None):
        super(QemuMigrationSpaprHtab, self).__init__(_io)
        self._parent = _parent
        self._root = _root or self
        self._read()

    def _read(self):
        self.header = self._io.read_u4be()
        if self.header == 0:
            pass
            self.chunks = []
            i = 0
            while True:
                _ = QemuMigrationSpaprHtab.Chunk(self._io, self, self._root)
                self.chunks.append(_)
                if _.is_end:
                    break
                i += 1



    def _fetch_instances(self):
        pass
        if self.header == 0:
            pass
            for i in range(len(self.chunks)):
                pass
                self.chunks[i]._fetch_instances()



    class Chunk(KaitaiStruct):
        """a run of valid entries and the invalid ones after them.
        
        .. seealso::
           htab_save_chunk - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/ppc/spapr.c
        """
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationSpaprHtab.Chunk, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.index = self._io.read_u4be()
            self.num_valid = self._io.read_u2be()
            self.num_invalid = self._io.read_u2be()
            self.entries = []
            for i in range(self.num_valid):
                self.entries.append(self._io.read_bytes(16))



        def _fetch_instances(self):
            pass
            for i in range(len(self.entries)):
                pass


        @property
        def is_end(self):
            if hasattr(self, '_m_is_end'):
                return self._m_is_end

            self._m_is_end =  ((self.index == 0) and (self.num_valid == 0) and (self.num_invalid == 0)) 
            return getattr(self, '_m_is_end', None)



