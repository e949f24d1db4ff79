# This is a generated file! Please edit source .ksy file and use kaitai-struct-compiler to rebuild

import kaitaistruct
from kaitaistruct import KaitaiStruct, KaitaiStream, BytesIO


if getattr(kaitaistruct, 'API_VERSION', (0, 9)) < (0, 11):
    raise Exception("Incompatible Kaitai Struct Python API: 0.11 or later is required, but you have %s" % (kaitaistruct.__version__))

class QemuMigrationPbsState(KaitaiStruct):
    """Proxmox's QEMU keeps the dirty bitmaps of its backups in a buffer that only its backup library understands. The device
    has a `start` section alone, which no `end` section follows.
    
    .. seealso::
       migration/pbs-state.c - https://git.proxmox.com/?p=pve-qemu.git;a=tree;f=debian/patches/pve
    """
    def __init__(self, _io, _parent=None, _root=None):
        super(QemuMigrationPbsState, self).__init__(_io)
        self._parent = _parent
        self._root = _root or self
        self._read()

    def _read(self):
        self.len_bitmaps = self._io.read_u8be()
        self.bitmaps = self._io.read_bytes(self.len_bitmaps)


    def _fetch_instances(self):
        pass


