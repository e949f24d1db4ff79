# This is a generated file! Please edit source .ksy file and use kaitai-struct-compiler to rebuild

import kaitaistruct
from kaitaistruct import KaitaiStruct, KaitaiStream, BytesIO
from .. import extent as qemu_migration_extent
from enum import IntEnum


if getattr(kaitaistruct, 'API_VERSION', (0, 9)) < (0, 11):
    raise Exception("Incompatible Kaitai Struct Python API: 0.11 or later is required, but you have %s" % (kaitaistruct.__version__))

class QemuMigrationVfio(KaitaiStruct):
    """A device that is passed through to the guest. Its hardware reports its state, and only its vendor knows what it means.
    What QEMU adds is the configuration, the last of its sections: a VMState of the PCI device, of which nothing here
    says how long it is; it ends where the flag `end_of_state` stands.
    
    With multifd, the state is in packets of other channels, and only flags are here.
    
    .. seealso::
       vfio_load_state - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/vfio/migration.c
    """

    class Flag(IntEnum):
        end_of_state = 1
        dev_config_state = 2
        dev_setup_state = 3
        dev_data_state = 4
        dev_init_data_sent = 5
        dev_config_load_ready = 6
    def __init__(self, is_full, _io, _parent=None, _root=None):
        super(QemuMigrationVfio, self).__init__(_io)
        self._parent = _parent
        self._root = _root or self
        self.is_full = is_full
        self._read()

    def _read(self):
        self.records = []
        i = 0
        while True:
            _ = QemuMigrationVfio.Record(self.is_full, self._io, self, self._root)
            self.records.append(_)
            if _.is_last:
                break
            i += 1


    def _fetch_instances(self):
        pass
        for i in range(len(self.records)):
            pass
            self.records[i]._fetch_instances()


    class Config(KaitaiStruct):
        """the device's configuration, up to the end mark.
        
        .. seealso::
           vmstate_vfio_pci_config - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/vfio/pci.c
        """
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationVfio.Config, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.pieces = []
            i = 0
            while True:
                _ = QemuMigrationVfio.Piece(self._io, self, self._root)
                self.pieces.append(_)
                if _.is_last:
                    break
                i += 1


        def _fetch_instances(self):
            pass
            for i in range(len(self.pieces)):
                pass
                self.pieces[i]._fetch_instances()



    class Data(KaitaiStruct):
        """a piece of the device's state."""
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationVfio.Data, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.len_data = self._io.read_u8be()
            self.data = qemu_migration_extent.QemuMigrationExtent(self.len_data, self._io)


        def _fetch_instances(self):
            pass
            self.data._fetch_instances()


    class Piece(KaitaiStruct):
        """bytes up to one that may begin the flag that ends them; with that byte, if it does not."""
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationVfio.Piece, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.bytes = self._io.read_bytes_term(255, False, False, True)
            if (not (self.is_last)):
                pass
                self.no_end = self._io.read_bytes(1)
                if not self.no_end == b"\xFF":
                    raise kaitaistruct.ValidationNotEqualError(b"\xFF", self.no_end, self._io, u"/types/piece/seq/1")



        def _fetch_instances(self):
            pass
            if (not (self.is_last)):
                pass

            _ = self.ahead
            if hasattr(self, '_m_ahead'):
                pass


        @property
        def ahead(self):
            if hasattr(self, '_m_ahead'):
                return self._m_ahead

            if self._io.size() - self._io.pos() >= 8:
                pass
                _pos = self._io.pos()
                self._io.seek(self._io.pos())
                self._m_ahead = self._io.read_bytes(8)
                self._io.seek(_pos)

            return getattr(self, '_m_ahead', None)

        @property
        def is_last(self):
            if hasattr(self, '_m_is_last'):
                return self._m_is_last

            self._m_is_last =  ((self._io.size() - self._io.pos() >= 8) and (self.ahead == b"\xFF\xFF\xFF\xFF\xEF\x10\x00\x01")) 
            return getattr(self, '_m_is_last', None)


    class Record(KaitaiStruct):
        """a flag, and what it says that follows."""
        def __init__(self, is_full, _io, _parent=None, _root=None):
            super(QemuMigrationVfio.Record, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self.is_full = is_full
            self._read()

        def _read(self):
            self.word = self._io.read_bytes(8)
            _ = self.word
            if not  ((self.word == b"\xFF\xFF\xFF\xFF\xEF\x10\x00\x01") or (self.word == b"\xFF\xFF\xFF\xFF\xEF\x10\x00\x02") or (self.word == b"\xFF\xFF\xFF\xFF\xEF\x10\x00\x03") or (self.word == b"\xFF\xFF\xFF\xFF\xEF\x10\x00\x04") or (self.word == b"\xFF\xFF\xFF\xFF\xEF\x10\x00\x05") or (self.word == b"\xFF\xFF\xFF\xFF\xEF\x10\x00\x06")) :
                raise kaitaistruct.ValidationExprError(self.word, self._io, u"/types/record/seq/0")
            _on = self.flag
            if _on == QemuMigrationVfio.Flag.dev_config_state:
                pass
                self.body = QemuMigrationVfio.Config(self._io, self, self._root)
            elif _on == QemuMigrationVfio.Flag.dev_data_state:
                pass
                self.body = QemuMigrationVfio.Data(self._io, self, self._root)
            if  ((self.flag == QemuMigrationVfio.Flag.dev_setup_state) or (self.flag == QemuMigrationVfio.Flag.dev_config_state)) :
                pass
                self.end = self._io.read_bytes(8)
                if not self.end == b"\xFF\xFF\xFF\xFF\xEF\x10\x00\x01":
                    raise kaitaistruct.ValidationNotEqualError(b"\xFF\xFF\xFF\xFF\xEF\x10\x00\x01", self.end, self._io, u"/types/record/seq/2")



        def _fetch_instances(self):
            pass
            _on = self.flag
            if _on == QemuMigrationVfio.Flag.dev_config_state:
                pass
                self.body._fetch_instances()
            elif _on == QemuMigrationVfio.Flag.dev_data_state:
                pass
                self.body._fetch_instances()
            if  ((self.flag == QemuMigrationVfio.Flag.dev_setup_state) or (self.flag == QemuMigrationVfio.Flag.dev_config_state)) :
                pass


        @property
        def flag(self):
            if hasattr(self, '_m_flag'):
                return self._m_flag

            self._m_flag = KaitaiStream.resolve_enum(QemuMigrationVfio.Flag, KaitaiStream.byte_array_index(self.word, 7))
            return getattr(self, '_m_flag', None)

        @property
        def is_last(self):
            """nothing follows in this section; QEMU 5.2 put the configuration into the `end` section, with data after it
            """
            if hasattr(self, '_m_is_last'):
                return self._m_is_last

            self._m_is_last =  ((self.flag != QemuMigrationVfio.Flag.dev_data_state) and ( ((self.flag != QemuMigrationVfio.Flag.dev_config_state) or (self.is_full)) )) 
            return getattr(self, '_m_is_last', None)



