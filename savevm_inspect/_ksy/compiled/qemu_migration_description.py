# This is a generated file! Please edit source .ksy file and use kaitai-struct-compiler to rebuild

import kaitaistruct
from kaitaistruct import KaitaiStruct, KaitaiStream, BytesIO


if getattr(kaitaistruct, 'API_VERSION', (0, 9)) < (0, 11):
    raise Exception("Incompatible Kaitai Struct Python API: 0.11 or later is required, but you have %s" % (kaitaistruct.__version__))

class QemuMigrationDescription(KaitaiStruct):
    """What the devices' payloads consist of, in JSON, after the end mark of a stream. With postcopy there is none, nor
    for machine types with the property `suppress-vmdesc` on.
    
    .. seealso::
       qemu_savevm_state_complete_precopy_non_iterable - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c
    """
    def __init__(self, _io, _parent=None, _root=None):
        super(QemuMigrationDescription, self).__init__(_io)
        self._parent = _parent
        self._root = _root or self
        self._read()

    def _read(self):
        self.record_type = self._io.read_bytes(1)
        if not self.record_type == b"\x06":
            raise kaitaistruct.ValidationNotEqualError(b"\x06", self.record_type, self._io, u"/seq/0")
        self.len_json = self._io.read_u4be()
        self.json = (self._io.read_bytes(self.len_json)).decode(u"UTF-8")
        if self.ofs_end >= 0:
            pass
            self.mark_end = self._io.read_bytes(0)



    def _fetch_instances(self):
        pass
        if self.ofs_end >= 0:
            pass


    @property
    def ofs_end(self):
        """offset after the last byte."""
        if hasattr(self, '_m_ofs_end'):
            return self._m_ofs_end

        self._m_ofs_end = self._io.pos()
        return getattr(self, '_m_ofs_end', None)


