# This is a generated file! Please edit source .ksy file and use kaitai-struct-compiler to rebuild

import kaitaistruct
from kaitaistruct import KaitaiStruct, KaitaiStream, BytesIO
from . import qemu_migration_ram_record


if getattr(kaitaistruct, 'API_VERSION', (0, 9)) < (0, 11):
    raise Exception("Incompatible Kaitai Struct Python API: 0.11 or later is required, but you have %s" % (kaitaistruct.__version__))

class QemuMigrationPostcopyPreempt(KaitaiStruct):
    """With the capability `postcopy-preempt`, pages that the guest is waiting for overtake all others on a channel of
    their own. It has RAM records and nothing else: no header, no sections, and no end but that of the channel.
    
    .. seealso::
       postcopy_preempt_thread - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/postcopy-ram.c
    
    
    .. seealso::
       ram_load_postcopy - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/ram.c
    """
    def __init__(self, page_size, _io, _parent=None, _root=None):
        super(QemuMigrationPostcopyPreempt, self).__init__(_io)
        self._parent = _parent
        self._root = _root or self
        self.page_size = page_size
        self._read()

    def _read(self):
        self.page_size_known = self._io.read_bytes(0)
        _ = self.page_size_known
        if not  ((self.page_size >= 256) and (self.page_size & self.page_size - 1 == 0)) :
            raise kaitaistruct.ValidationExprError(self.page_size_known, self._io, u"/seq/0")
        self.records = []
        i = 0
        while not self._io.is_eof():
            self.records.append(qemu_migration_ram_record.QemuMigrationRamRecord(self.page_size, self._io))
            i += 1



    def _fetch_instances(self):
        pass
        for i in range(len(self.records)):
            pass
            self.records[i]._fetch_instances()



