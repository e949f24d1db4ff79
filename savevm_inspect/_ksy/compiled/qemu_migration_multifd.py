# This is a generated file! Please edit source .ksy file and use kaitai-struct-compiler to rebuild

import kaitaistruct
from kaitaistruct import KaitaiStruct, KaitaiStream, BytesIO
from .. import extent as qemu_migration_extent
from enum import IntEnum


if getattr(kaitaistruct, 'API_VERSION', (0, 9)) < (0, 11):
    raise Exception("Incompatible Kaitai Struct Python API: 0.11 or later is required, but you have %s" % (kaitaistruct.__version__))

class QemuMigrationMultifd(KaitaiStruct):
    """With the capability `multifd`, pages travel on several channels beside the main one. A channel opens with whose
    it is and which; then come packets, up to the channel's end. A packet holds pages of one RAM block or, since
    QEMU 10.0, a piece of a device's state.
    
    Pages have no order between channels, except by packets with `is_sync`: all that was sent before them, on any
    channel, is older than all that comes after. There is one on each channel, and a `multifd_flush` record on the main
    one; for machine types up to 8.0 the end of each RAM section stands for that record.
    
    .. seealso::
       Source - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/multifd.h
    
    
    .. seealso::
       multifd_recv_thread - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/multifd.c
    """

    class Compression(IntEnum):
        none = 0
        zlib = 2
        zstd = 4
        qpl = 8
        uadk = 16
        qatzip = 32
    def __init__(self, page_size, _io, _parent=None, _root=None):
        super(QemuMigrationMultifd, self).__init__(_io)
        self._parent = _parent
        self._root = _root or self
        self.page_size = page_size
        self._read()

    def _read(self):
        self.page_size_known = self._io.read_bytes(0)
        _ = self.page_size_known
        if not  ((self.page_size >= 256) and (self.page_size <= 524288) and (self.page_size & self.page_size - 1 == 0)) :
            raise kaitaistruct.ValidationExprError(self.page_size_known, self._io, u"/seq/0")
        self.initial = QemuMigrationMultifd.Initial(self._io, self, self._root)
        self.packets = []
        i = 0
        while not self._io.is_eof():
            self.packets.append(QemuMigrationMultifd.Packet(self._io, self, self._root))
            i += 1



    def _fetch_instances(self):
        pass
        self.initial._fetch_instances()
        for i in range(len(self.packets)):
            pass
            self.packets[i]._fetch_instances()


    class DeviceState(KaitaiStruct):
        """A piece of a device's state.
        
        .. seealso::
           multifd_device_state_fill_packet - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/multifd-device-state.c
        """
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationMultifd.DeviceState, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.idstr = (KaitaiStream.bytes_terminate(self._io.read_bytes(256), 0, False)).decode(u"UTF-8")
            self.instance_id = self._io.read_u4be()
            self.len_state = self._io.read_u4be()
            if self.is_vfio:
                pass
                self.vfio = QemuMigrationMultifd.VfioHead(self._io, self, self._root)

            self.state = qemu_migration_extent.QemuMigrationExtent(self.len_state - self.len_head, self._io)


        def _fetch_instances(self):
            pass
            if self.is_vfio:
                pass
                self.vfio._fetch_instances()

            self.state._fetch_instances()

        @property
        def is_vfio(self):
            """the piece opens with its address; one that is too short for that is refused by QEMU."""
            if hasattr(self, '_m_is_vfio'):
                return self._m_is_vfio

            self._m_is_vfio =  ((self.len_state >= 12) and ( ((self.idstr == u"vfio") or ( ((len(self.idstr) >= 5) and (self.idstr[len(self.idstr) - 5:len(self.idstr)] == u"/vfio")) )) )) 
            return getattr(self, '_m_is_vfio', None)

        @property
        def len_head(self):
            if hasattr(self, '_m_len_head'):
                return self._m_len_head

            self._m_len_head = (12 if self.is_vfio else 0)
            return getattr(self, '_m_len_head', None)


    class Initial(KaitaiStruct):
        """the first bytes of a channel: whose it is, and its number.
        
        .. seealso::
           multifd_send_initial_packet - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/multifd.c
        """
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationMultifd.Initial, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.magic = self._io.read_bytes(4)
            if not self.magic == b"\x11\x22\x33\x44":
                raise kaitaistruct.ValidationNotEqualError(b"\x11\x22\x33\x44", self.magic, self._io, u"/types/initial/seq/0")
            self.version = self._io.read_u4be()
            if not self.version == 1:
                raise kaitaistruct.ValidationNotEqualError(1, self.version, self._io, u"/types/initial/seq/1")
            self.uuid = self._io.read_bytes(16)
            self.channel_id = self._io.read_u1()
            self.unused = self._io.read_bytes(39)


        def _fetch_instances(self):
            pass


    class Packet(KaitaiStruct):
        """pages, or a piece of a device's state, or nothing but a mark."""
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationMultifd.Packet, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.magic = self._io.read_bytes(4)
            if not self.magic == b"\x11\x22\x33\x44":
                raise kaitaistruct.ValidationNotEqualError(b"\x11\x22\x33\x44", self.magic, self._io, u"/types/packet/seq/0")
            self.version = self._io.read_u4be()
            if not self.version == 1:
                raise kaitaistruct.ValidationNotEqualError(1, self.version, self._io, u"/types/packet/seq/1")
            self.flags = self._io.read_u4be()
            _on = self.is_device_state
            if _on == False:
                pass
                self.body = QemuMigrationMultifd.Pages(self._io, self, self._root)
            elif _on == True:
                pass
                self.body = QemuMigrationMultifd.DeviceState(self._io, self, self._root)


        def _fetch_instances(self):
            pass
            _on = self.is_device_state
            if _on == False:
                pass
                self.body._fetch_instances()
            elif _on == True:
                pass
                self.body._fetch_instances()

        @property
        def compression(self):
            if hasattr(self, '_m_compression'):
                return self._m_compression

            self._m_compression = KaitaiStream.resolve_enum(QemuMigrationMultifd.Compression, self.flags & 62)
            return getattr(self, '_m_compression', None)

        @property
        def is_device_state(self):
            if hasattr(self, '_m_is_device_state'):
                return self._m_is_device_state

            self._m_is_device_state = self.flags & 64 != 0
            return getattr(self, '_m_is_device_state', None)

        @property
        def is_sync(self):
            """everything before this packet, on all channels, is older than everything after it."""
            if hasattr(self, '_m_is_sync'):
                return self._m_is_sync

            self._m_is_sync = self.flags & 1 != 0
            return getattr(self, '_m_is_sync', None)


    class Pages(KaitaiStruct):
        """Pages of one RAM block. Up to QEMU 8.2 `num_zero` was reserved, and zero; pages of zeros were in records of the
        main channel then.
        
        .. seealso::
           multifd_ram_unfill_packet - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/multifd-nocomp.c
        """
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationMultifd.Pages, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.num_alloc = self._io.read_u4be()
            if not self.num_alloc <= self._root.num_slots:
                raise kaitaistruct.ValidationGreaterThanError(self._root.num_slots, self.num_alloc, self._io, u"/types/pages/seq/0")
            self.num_normal = self._io.read_u4be()
            if not self.num_normal <= self._root.num_slots:
                raise kaitaistruct.ValidationGreaterThanError(self._root.num_slots, self.num_normal, self._io, u"/types/pages/seq/1")
            self.len_packed = self._io.read_u4be()
            self.packet_num = self._io.read_u8be()
            self.num_zero = self._io.read_u4be()
            if not self.num_zero <= self._root.num_slots - self.num_normal:
                raise kaitaistruct.ValidationGreaterThanError(self._root.num_slots - self.num_normal, self.num_zero, self._io, u"/types/pages/seq/4")
            self.unused = self._io.read_bytes(28)
            self.block_name = (KaitaiStream.bytes_terminate(self._io.read_bytes(256), 0, False)).decode(u"UTF-8")
            self.offsets = []
            for i in range(self._root.num_slots):
                self.offsets.append(self._io.read_u8be())

            if (not (self.is_packed)):
                pass
                self.pages = []
                for i in range(self.num_normal):
                    self.pages.append(qemu_migration_extent.QemuMigrationExtent(self._root.page_size, self._io))


            if self.is_packed:
                pass
                self.packed = qemu_migration_extent.QemuMigrationExtent(self.len_packed, self._io)



        def _fetch_instances(self):
            pass
            for i in range(len(self.offsets)):
                pass

            if (not (self.is_packed)):
                pass
                for i in range(len(self.pages)):
                    pass
                    self.pages[i]._fetch_instances()


            if self.is_packed:
                pass
                self.packed._fetch_instances()


        @property
        def is_packed(self):
            if hasattr(self, '_m_is_packed'):
                return self._m_is_packed

            self._m_is_packed =  ((self._parent.compression != QemuMigrationMultifd.Compression.none) and (self.num_normal != 0)) 
            return getattr(self, '_m_is_packed', None)


    class VfioHead(KaitaiStruct):
        """where a piece of a VFIO device's state belongs.
        
        .. seealso::
           VFIODeviceStatePacket - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/vfio/migration-multifd.c
        """
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationMultifd.VfioHead, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.version = self._io.read_u4be()
            self.idx = self._io.read_u4be()
            self.flags = self._io.read_u4be()


        def _fetch_instances(self):
            pass

        @property
        def is_config(self):
            """the last piece, which is the configuration, as a `full` section has it without multifd."""
            if hasattr(self, '_m_is_config'):
                return self._m_is_config

            self._m_is_config = self.flags & 1 != 0
            return getattr(self, '_m_is_config', None)


    @property
    def num_slots(self):
        """how many pages a packet has room for, whether they are there or not."""
        if hasattr(self, '_m_num_slots'):
            return self._m_num_slots

        self._m_num_slots = 524288 // self.page_size
        return getattr(self, '_m_num_slots', None)


