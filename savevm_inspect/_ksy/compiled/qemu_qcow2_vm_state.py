# This is a generated file! Please edit source .ksy file and use kaitai-struct-compiler to rebuild

import kaitaistruct
from kaitaistruct import KaitaiStruct, KaitaiStream, BytesIO
from .. import extent as qemu_migration_extent
from enum import IntEnum


if getattr(kaitaistruct, 'API_VERSION', (0, 9)) < (0, 11):
    raise Exception("Incompatible Kaitai Struct Python API: 0.11 or later is required, but you have %s" % (kaitaistruct.__version__))

class QemuQcow2VmState(KaitaiStruct):
    """Where `savevm` keeps a migration stream in a disk image.
    
    The image is made of clusters. A disk's content is found by two levels of tables: an entry of the L1 table says where
    an L2 table lies, an entry of that where a cluster lies. Each snapshot has an L1 table of its own, and the VM state is
    addressed like more disk: it begins with the first L1 entry that the disk, as large as it was then, does not need.
    
    The clusters of `snapshots[n].l1.entries[..].l2.entries[..]`, in order and cut to `len_vm_state`, are the migration
    stream. A cluster that has no offset in the file is all zero.
    
    Encrypted images and those with their data in another file are not described here; the disk itself is not either.
    
    .. seealso::
       Source - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/docs/interop/qcow2.rst
    
    
    .. seealso::
       qcow2_vm_state_offset - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/block/qcow2.h
    """

    class CompressionType(IntEnum):
        zlib = 0
        zstd = 1

    class CryptMethod(IntEnum):
        none = 0
        aes = 1
        luks = 2

    class ExtensionType(IntEnum):
        end = 0
        crypto_header = 87539319
        bitmaps = 595929205
        data_file = 1145132097
        feature_table = 1745090647
        backing_format = 3799591626
    def __init__(self, _io, _parent=None, _root=None):
        super(QemuQcow2VmState, self).__init__(_io)
        self._parent = _parent
        self._root = _root or self
        self._read()

    def _read(self):
        self.header = QemuQcow2VmState.Header(self._io, self, self._root)


    def _fetch_instances(self):
        pass
        self.header._fetch_instances()
        _ = self.extensions
        if hasattr(self, '_m_extensions'):
            pass
            for i in range(len(self._m_extensions)):
                pass
                self._m_extensions[i]._fetch_instances()


        _ = self.snapshots
        if hasattr(self, '_m_snapshots'):
            pass
            for i in range(len(self._m_snapshots)):
                pass
                self._m_snapshots[i]._fetch_instances()



    class Extension(KaitaiStruct):
        """an extension of the header."""
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuQcow2VmState.Extension, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.type = KaitaiStream.resolve_enum(QemuQcow2VmState.ExtensionType, self._io.read_u4be())
            self.len_data = self._io.read_u4be()
            self.data = self._io.read_bytes(self.len_data)
            self.padding = self._io.read_bytes((8 - self.len_data % 8) % 8)


        def _fetch_instances(self):
            pass


    class Header(KaitaiStruct):
        """the image's header."""
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuQcow2VmState.Header, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.magic = self._io.read_bytes(4)
            if not self.magic == b"\x51\x46\x49\xFB":
                raise kaitaistruct.ValidationNotEqualError(b"\x51\x46\x49\xFB", self.magic, self._io, u"/types/header/seq/0")
            self.version = self._io.read_u4be()
            if not  ((self.version == 2) or (self.version == 3)) :
                raise kaitaistruct.ValidationNotAnyOfError(self.version, self._io, u"/types/header/seq/1")
            self.ofs_backing_file = self._io.read_u8be()
            self.len_backing_file = self._io.read_u4be()
            self.cluster_bits = self._io.read_u4be()
            if not self.cluster_bits >= 9:
                raise kaitaistruct.ValidationLessThanError(9, self.cluster_bits, self._io, u"/types/header/seq/4")
            if not self.cluster_bits <= 21:
                raise kaitaistruct.ValidationGreaterThanError(21, self.cluster_bits, self._io, u"/types/header/seq/4")
            self.len_disk = self._io.read_u8be()
            self.crypt_method = KaitaiStream.resolve_enum(QemuQcow2VmState.CryptMethod, self._io.read_u4be())
            if not self.crypt_method == QemuQcow2VmState.CryptMethod.none:
                raise kaitaistruct.ValidationNotEqualError(QemuQcow2VmState.CryptMethod.none, self.crypt_method, self._io, u"/types/header/seq/6")
            self.num_l1 = self._io.read_u4be()
            self.ofs_l1 = self._io.read_u8be()
            self.ofs_refcount_table = self._io.read_u8be()
            self.num_refcount_table_clusters = self._io.read_u4be()
            self.num_snapshots = self._io.read_u4be()
            if not self.num_snapshots <= 65536:
                raise kaitaistruct.ValidationGreaterThanError(65536, self.num_snapshots, self._io, u"/types/header/seq/11")
            self.ofs_snapshots = self._io.read_u8be()
            if not self.ofs_snapshots <= self._io.size():
                raise kaitaistruct.ValidationGreaterThanError(self._io.size(), self.ofs_snapshots, self._io, u"/types/header/seq/12")
            if self.version == 3:
                pass
                self.v3 = QemuQcow2VmState.HeaderV3(self._io, self, self._root)



        def _fetch_instances(self):
            pass
            if self.version == 3:
                pass
                self.v3._fetch_instances()


        @property
        def has_extended_l2(self):
            """L2 entries have 128 bits and describe each cluster's 32 parts."""
            if hasattr(self, '_m_has_extended_l2'):
                return self._m_has_extended_l2

            self._m_has_extended_l2 =  ((self.version == 3) and (self.v3.has_extended_l2)) 
            return getattr(self, '_m_has_extended_l2', None)

        @property
        def len_cluster(self):
            if hasattr(self, '_m_len_cluster'):
                return self._m_len_cluster

            self._m_len_cluster = 1 << self.cluster_bits
            return getattr(self, '_m_len_cluster', None)

        @property
        def len_header(self):
            if hasattr(self, '_m_len_header'):
                return self._m_len_header

            self._m_len_header = (self.v3.len_header if self.version == 3 else 72)
            return getattr(self, '_m_len_header', None)

        @property
        def len_l1_coverage(self):
            """bytes of disk that one L1 entry stands for."""
            if hasattr(self, '_m_len_l1_coverage'):
                return self._m_len_l1_coverage

            self._m_len_l1_coverage = self.num_l2 * self.len_cluster
            return getattr(self, '_m_len_l1_coverage', None)

        @property
        def len_l2_entry(self):
            if hasattr(self, '_m_len_l2_entry'):
                return self._m_len_l2_entry

            self._m_len_l2_entry = (16 if self.has_extended_l2 else 8)
            return getattr(self, '_m_len_l2_entry', None)

        @property
        def num_l2(self):
            """entries of an L2 table, which fills a cluster."""
            if hasattr(self, '_m_num_l2'):
                return self._m_num_l2

            self._m_num_l2 = self.len_cluster // self.len_l2_entry
            return getattr(self, '_m_num_l2', None)


    class HeaderV3(KaitaiStruct):
        """what version 3 added."""
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuQcow2VmState.HeaderV3, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.incompatible_high = self._io.read_u4be()
            if not self.incompatible_high == 0:
                raise kaitaistruct.ValidationNotEqualError(0, self.incompatible_high, self._io, u"/types/header_v3/seq/0")
            self.incompatible_low = self._io.read_u4be()
            _ = self.incompatible_low
            if not  ((_ & 4 == 0) and (_ <= 31)) :
                raise kaitaistruct.ValidationExprError(self.incompatible_low, self._io, u"/types/header_v3/seq/1")
            self.compatible_features = self._io.read_u8be()
            self.autoclear_features = self._io.read_u8be()
            self.refcount_order = self._io.read_u4be()
            self.len_header = self._io.read_u4be()
            if not self.len_header >= 104:
                raise kaitaistruct.ValidationLessThanError(104, self.len_header, self._io, u"/types/header_v3/seq/5")
            if not self.len_header <= 2097152:
                raise kaitaistruct.ValidationGreaterThanError(2097152, self.len_header, self._io, u"/types/header_v3/seq/5")
            if self.len_header > 104:
                pass
                self.compression_type = KaitaiStream.resolve_enum(QemuQcow2VmState.CompressionType, self._io.read_u1())
                if not isinstance(self.compression_type, QemuQcow2VmState.CompressionType):
                    raise kaitaistruct.ValidationNotInEnumError(self.compression_type, self._io, u"/types/header_v3/seq/6")



        def _fetch_instances(self):
            pass
            if self.len_header > 104:
                pass


        @property
        def has_compression_type(self):
            """compressed clusters are packed by something else than zlib."""
            if hasattr(self, '_m_has_compression_type'):
                return self._m_has_compression_type

            self._m_has_compression_type = self.incompatible_low & 8 != 0
            return getattr(self, '_m_has_compression_type', None)

        @property
        def has_extended_l2(self):
            if hasattr(self, '_m_has_extended_l2'):
                return self._m_has_extended_l2

            self._m_has_extended_l2 = self.incompatible_low & 16 != 0
            return getattr(self, '_m_has_extended_l2', None)

        @property
        def is_corrupt(self):
            if hasattr(self, '_m_is_corrupt'):
                return self._m_is_corrupt

            self._m_is_corrupt = self.incompatible_low & 2 != 0
            return getattr(self, '_m_is_corrupt', None)

        @property
        def is_dirty(self):
            """the refcounts may be wrong."""
            if hasattr(self, '_m_is_dirty'):
                return self._m_is_dirty

            self._m_is_dirty = self.incompatible_low & 1 != 0
            return getattr(self, '_m_is_dirty', None)


    class L1Entry(KaitaiStruct):
        """Of the 64 bits, bits 9 to 55 are the offset of the L2 table, a multiple of the length of a cluster; bit 63 says
        that nothing else refers to it. They are read as two halves since some languages have no integers of 64 bits.
        """
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuQcow2VmState.L1Entry, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.high = self._io.read_u4be()
            self.low = self._io.read_u4be()
            _ = self.low
            if not self.ofs_l2 <= self._io.size():
                raise kaitaistruct.ValidationExprError(self.low, self._io, u"/types/l1_entry/seq/1")


        def _fetch_instances(self):
            pass
            _ = self.l2
            if hasattr(self, '_m_l2'):
                pass
                self._m_l2._fetch_instances()


        @property
        def l2(self):
            if hasattr(self, '_m_l2'):
                return self._m_l2

            if self.ofs_l2 != 0:
                pass
                _pos = self._io.pos()
                self._io.seek(self.ofs_l2)
                self._m_l2 = QemuQcow2VmState.L2Table(self._io, self, self._root)
                self._io.seek(_pos)

            return getattr(self, '_m_l2', None)

        @property
        def ofs_l2(self):
            """0 if all of its clusters are zero."""
            if hasattr(self, '_m_ofs_l2'):
                return self._m_ofs_l2

            self._m_ofs_l2 = (self.high & 16777215) * 4294967296 + (self.low - self.low % 512)
            return getattr(self, '_m_ofs_l2', None)


    class L1Table(KaitaiStruct):
        """a snapshot's first table: where the second ones lie."""
        def __init__(self, idx_first, num_entries, num_all, _io, _parent=None, _root=None):
            super(QemuQcow2VmState.L1Table, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self.idx_first = idx_first
            self.num_entries = num_entries
            self.num_all = num_all
            self._read()

        def _read(self):
            self.fits = self._io.read_bytes(0)
            _ = self.fits
            if not self.idx_first + self.num_entries <= self.num_all:
                raise kaitaistruct.ValidationExprError(self.fits, self._io, u"/types/l1_table/seq/0")
            self.entries = []
            for i in range(self.num_entries):
                self.entries.append(QemuQcow2VmState.L1Entry(self._io, self, self._root))



        def _fetch_instances(self):
            pass
            for i in range(len(self.entries)):
                pass
                self.entries[i]._fetch_instances()



    class L2Entry(KaitaiStruct):
        """where a cluster lies, and how."""
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuQcow2VmState.L2Entry, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.high = self._io.read_u4be()
            self.low = self._io.read_u4be()
            _ = self.low
            if not  ((self.is_compressed) or (self.ofs_cluster <= self._io.size())) :
                raise kaitaistruct.ValidationExprError(self.low, self._io, u"/types/l2_entry/seq/1")
            if self._root.header.has_extended_l2:
                pass
                self.subclusters = QemuQcow2VmState.Subclusters(self._io, self, self._root)



        def _fetch_instances(self):
            pass
            if self._root.header.has_extended_l2:
                pass
                self.subclusters._fetch_instances()

            _ = self.cluster
            if hasattr(self, '_m_cluster'):
                pass
                self._m_cluster._fetch_instances()


        @property
        def cluster(self):
            if hasattr(self, '_m_cluster'):
                return self._m_cluster

            if  (((not (self.is_compressed))) and ((not (self.is_zero))) and (self.ofs_cluster != 0)) :
                pass
                _pos = self._io.pos()
                self._io.seek(self.ofs_cluster)
                self._m_cluster = qemu_migration_extent.QemuMigrationExtent(self._root.header.len_cluster, self._io)
                self._io.seek(_pos)

            return getattr(self, '_m_cluster', None)

        @property
        def is_compressed(self):
            if hasattr(self, '_m_is_compressed'):
                return self._m_is_compressed

            self._m_is_compressed = self.high & 1073741824 != 0
            return getattr(self, '_m_is_compressed', None)

        @property
        def is_zero(self):
            """the cluster reads as zero, whatever is at its offset; where there are extended L2 entries, `subclusters` says it."""
            if hasattr(self, '_m_is_zero'):
                return self._m_is_zero

            self._m_is_zero =  (((not (self.is_compressed))) and ((not (self._root.header.has_extended_l2))) and (self.low & 1 != 0)) 
            return getattr(self, '_m_is_zero', None)

        @property
        def len_compressed(self):
            """at most so many bytes are those of the cluster."""
            if hasattr(self, '_m_len_compressed'):
                return self._m_len_compressed

            if self.is_compressed:
                pass
                self._m_len_compressed = self.num_sectors * 512 - self.ofs_compressed % 512

            return getattr(self, '_m_len_compressed', None)

        @property
        def num_bits_high(self):
            """how many bits of a compressed cluster's offset are in `high`."""
            if hasattr(self, '_m_num_bits_high'):
                return self._m_num_bits_high

            self._m_num_bits_high = 38 - self._root.header.cluster_bits
            return getattr(self, '_m_num_bits_high', None)

        @property
        def num_sectors(self):
            """how many sectors of 512 bytes it touches; the last one may be cut by the end of the file."""
            if hasattr(self, '_m_num_sectors'):
                return self._m_num_sectors

            if self.is_compressed:
                pass
                self._m_num_sectors = ((self.high & 1073741823) >> self.num_bits_high) + 1

            return getattr(self, '_m_num_sectors', None)

        @property
        def ofs_cluster(self):
            """offset in the file if it is not compressed; 0 if it has none."""
            if hasattr(self, '_m_ofs_cluster'):
                return self._m_ofs_cluster

            self._m_ofs_cluster = (self.high & 16777215) * 4294967296 + (self.low - self.low % 512)
            return getattr(self, '_m_ofs_cluster', None)

        @property
        def ofs_compressed(self):
            """offset in the file, at any byte."""
            if hasattr(self, '_m_ofs_compressed'):
                return self._m_ofs_compressed

            if self.is_compressed:
                pass
                self._m_ofs_compressed = (self.high & (1 << self.num_bits_high) - 1) * 4294967296 + self.low

            return getattr(self, '_m_ofs_compressed', None)


    class L2Table(KaitaiStruct):
        """a second table: where the clusters lie."""
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuQcow2VmState.L2Table, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.entries = []
            for i in range(self._root.header.num_l2):
                self.entries.append(QemuQcow2VmState.L2Entry(self._io, self, self._root))



        def _fetch_instances(self):
            pass
            for i in range(len(self.entries)):
                pass
                self.entries[i]._fetch_instances()



    class Snapshot(KaitaiStruct):
        """an internal snapshot.
        
        .. seealso::
           qcow2_do_read_snapshots - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/block/qcow2-snapshot.c
        """
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuQcow2VmState.Snapshot, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.ofs_l1 = self._io.read_u8be()
            if not self.ofs_l1 <= self._io.size():
                raise kaitaistruct.ValidationGreaterThanError(self._io.size(), self.ofs_l1, self._io, u"/types/snapshot/seq/0")
            self.num_l1 = self._io.read_u4be()
            if not self.num_l1 <= 4194304:
                raise kaitaistruct.ValidationGreaterThanError(4194304, self.num_l1, self._io, u"/types/snapshot/seq/1")
            self.len_id = self._io.read_u2be()
            self.len_name = self._io.read_u2be()
            self.date_sec = self._io.read_u4be()
            self.date_nsec = self._io.read_u4be()
            self.vm_clock_nsec = self._io.read_u8be()
            self.len_vm_state_32 = self._io.read_u4be()
            self.len_extra = self._io.read_u4be()
            if not self.len_extra <= 1024:
                raise kaitaistruct.ValidationGreaterThanError(1024, self.len_extra, self._io, u"/types/snapshot/seq/8")
            self._raw_extra = self._io.read_bytes(self.len_extra)
            _io__raw_extra = KaitaiStream(BytesIO(self._raw_extra))
            self.extra = QemuQcow2VmState.SnapshotExtra(_io__raw_extra, self, self._root)
            self.id = (self._io.read_bytes(self.len_id)).decode(u"UTF-8")
            self.name = (self._io.read_bytes(self.len_name)).decode(u"UTF-8")
            self.padding = self._io.read_bytes((self.len_padding if self.len_padding <= self._io.size() - self._io.pos() else self._io.size() - self._io.pos()))


        def _fetch_instances(self):
            pass
            self.extra._fetch_instances()
            _ = self.l1
            if hasattr(self, '_m_l1'):
                pass
                self._m_l1._fetch_instances()


        @property
        def idx_vm_state(self):
            """index in the L1 table where the VM state begins."""
            if hasattr(self, '_m_idx_vm_state'):
                return self._m_idx_vm_state

            self._m_idx_vm_state = ((self.len_disk + self._root.header.len_l1_coverage) - 1) // self._root.header.len_l1_coverage
            return getattr(self, '_m_idx_vm_state', None)

        @property
        def l1(self):
            """the part of the L1 table that the VM state has."""
            if hasattr(self, '_m_l1'):
                return self._m_l1

            if self.num_vm_state != 0:
                pass
                _pos = self._io.pos()
                self._io.seek(self.ofs_l1 + self.idx_vm_state * 8)
                self._m_l1 = QemuQcow2VmState.L1Table(self.idx_vm_state, self.num_vm_state, self.num_l1, self._io, self, self._root)
                self._io.seek(_pos)

            return getattr(self, '_m_l1', None)

        @property
        def len_disk(self):
            """size of the disk in bytes when it was taken."""
            if hasattr(self, '_m_len_disk'):
                return self._m_len_disk

            self._m_len_disk = (self.extra.len_disk if self.len_extra >= 16 else self._root.header.len_disk)
            return getattr(self, '_m_len_disk', None)

        @property
        def len_padding(self):
            if hasattr(self, '_m_len_padding'):
                return self._m_len_padding

            self._m_len_padding = (8 - ((self.len_extra + self.len_id) + self.len_name) % 8) % 8
            return getattr(self, '_m_len_padding', None)

        @property
        def len_vm_state(self):
            """in bytes; 0 if it has the disk alone."""
            if hasattr(self, '_m_len_vm_state'):
                return self._m_len_vm_state

            self._m_len_vm_state = (self.extra.len_vm_state if self.len_extra >= 8 else self.len_vm_state_32)
            return getattr(self, '_m_len_vm_state', None)

        @property
        def num_vm_state(self):
            """number of L1 entries that the VM state needs."""
            if hasattr(self, '_m_num_vm_state'):
                return self._m_num_vm_state

            self._m_num_vm_state = ((self.len_vm_state + self._root.header.len_l1_coverage) - 1) // self._root.header.len_l1_coverage
            return getattr(self, '_m_num_vm_state', None)


    class SnapshotExtra(KaitaiStruct):
        """what newer versions add to a snapshot."""
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuQcow2VmState.SnapshotExtra, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            if self._io.size() >= 8:
                pass
                self.len_vm_state = self._io.read_u8be()

            if self._io.size() >= 16:
                pass
                self.len_disk = self._io.read_u8be()

            if self._io.size() >= 24:
                pass
                self.icount = self._io.read_u8be()



        def _fetch_instances(self):
            pass
            if self._io.size() >= 8:
                pass

            if self._io.size() >= 16:
                pass

            if self._io.size() >= 24:
                pass



    class Subclusters(KaitaiStruct):
        """a bit for each of the 32 parts of a cluster, the first part in the lowest bit."""
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuQcow2VmState.Subclusters, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.zero = self._io.read_u4be()
            self.allocated = self._io.read_u4be()


        def _fetch_instances(self):
            pass


    @property
    def extensions(self):
        if hasattr(self, '_m_extensions'):
            return self._m_extensions

        _pos = self._io.pos()
        self._io.seek(self.header.len_header)
        self._m_extensions = []
        i = 0
        while True:
            _ = QemuQcow2VmState.Extension(self._io, self, self._root)
            self._m_extensions.append(_)
            if _.type == QemuQcow2VmState.ExtensionType.end:
                break
            i += 1
        self._io.seek(_pos)
        return getattr(self, '_m_extensions', None)

    @property
    def snapshots(self):
        if hasattr(self, '_m_snapshots'):
            return self._m_snapshots

        if self.header.num_snapshots != 0:
            pass
            _pos = self._io.pos()
            self._io.seek(self.header.ofs_snapshots)
            self._m_snapshots = []
            for i in range(self.header.num_snapshots):
                self._m_snapshots.append(QemuQcow2VmState.Snapshot(self._io, self, self._root))

            self._io.seek(_pos)

        return getattr(self, '_m_snapshots', None)


