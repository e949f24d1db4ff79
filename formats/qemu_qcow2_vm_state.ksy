meta:
  id: qemu_qcow2_vm_state
  title: qcow2 disk image, down to the VM state of its snapshots
  application: QEMU
  file-extension: qcow2
  license: CC0-1.0
  ks-version: 0.11
  encoding: UTF-8
  endian: be
  imports:
    - qemu_migration_extent
doc: |
  Where `savevm` keeps a migration stream in a disk image.

  The image is made of clusters. A disk's content is found by two levels of tables: an entry of the L1 table says where
  an L2 table lies, an entry of that where a cluster lies. Each snapshot has an L1 table of its own, and the VM state is
  addressed like more disk: it begins with the first L1 entry that the disk, as large as it was then, does not need.

  The clusters of `snapshots[n].l1.entries[..].l2.entries[..]`, in order and cut to `len_vm_state`, are the migration
  stream. A cluster that has no offset in the file is all zero.

  Encrypted images and those with their data in another file are not described here; the disk itself is not either.
doc-ref:
  - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/docs/interop/qcow2.rst
  - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/block/qcow2.h qcow2_vm_state_offset
seq:
  - id: header
    -orig-id: QCowHeader
    type: header
instances:
  extensions:
    pos: header.len_header
    type: extension
    repeat: until
    repeat-until: _.type == extension_type::end
  snapshots:
    pos: header.ofs_snapshots
    type: snapshot
    repeat: expr
    repeat-expr: header.num_snapshots
    if: header.num_snapshots != 0
types:
  header:
    doc: "the image's header"
    seq:
      - id: magic
        -orig-id: QCOW_MAGIC
        contents: ['QFI', 0xfb]
      - id: version
        type: u4
        valid:
          any-of: [2, 3]
      - id: ofs_backing_file
        -orig-id: backing_file_offset
        type: u8
      - id: len_backing_file
        -orig-id: backing_file_size
        type: u4
      - id: cluster_bits
        type: u4
        valid:
          min: 9
          max: 21
        doc: log2 of the length of a cluster in bytes
      - id: len_disk
        -orig-id: size
        type: u8
        doc: size of the disk in bytes, as it is now
      - id: crypt_method
        type: u4
        enum: crypt_method
        valid: crypt_method::none
      - id: num_l1
        -orig-id: l1_size
        type: u4
      - id: ofs_l1
        -orig-id: l1_table_offset
        type: u8
      - id: ofs_refcount_table
        -orig-id: refcount_table_offset
        type: u8
      - id: num_refcount_table_clusters
        -orig-id: refcount_table_clusters
        type: u4
      - id: num_snapshots
        -orig-id: nb_snapshots
        type: u4
        valid:
          max: 65536
      - id: ofs_snapshots
        -orig-id: snapshots_offset
        type: u8
        valid:
          max: _io.size
      - id: v3
        type: header_v3
        if: version == 3
    instances:
      len_header:
        value: 'version == 3 ? v3.len_header : 72'
      has_extended_l2:
        value: version == 3 and v3.has_extended_l2
        doc: L2 entries have 128 bits and describe each cluster's 32 parts
      len_cluster:
        value: 1 << cluster_bits
      len_l2_entry:
        value: 'has_extended_l2 ? 16 : 8'
      num_l2:
        value: len_cluster / len_l2_entry
        doc: entries of an L2 table, which fills a cluster
      len_l1_coverage:
        value: num_l2 * len_cluster
        doc: bytes of disk that one L1 entry stands for
  header_v3:
    doc: what version 3 added
    seq:
      - id: incompatible_high
        type: u4
        valid: 0
        doc: no such features are known
      - id: incompatible_low
        -orig-id: incompatible_features
        type: u4
        valid:
          expr: (_ & 0x04) == 0 and _ <= 0x1f
        doc: features without which the image can't be read; bit 2, an external data file, has no internal snapshots
      - id: compatible_features
        type: u8
      - id: autoclear_features
        type: u8
      - id: refcount_order
        type: u4
      - id: len_header
        -orig-id: header_length
        type: u4
        valid:
          min: 104
          max: 0x200000
      - id: compression_type
        type: u1
        enum: compression_type
        valid:
          in-enum: true
        if: len_header > 104
    instances:
      is_dirty:
        value: (incompatible_low & 0x01) != 0
        -orig-id: QCOW2_INCOMPAT_DIRTY
        doc: the refcounts may be wrong
      is_corrupt:
        value: (incompatible_low & 0x02) != 0
        -orig-id: QCOW2_INCOMPAT_CORRUPT
      has_compression_type:
        value: (incompatible_low & 0x08) != 0
        -orig-id: QCOW2_INCOMPAT_COMPRESSION
        doc: compressed clusters are packed by something else than zlib
      has_extended_l2:
        value: (incompatible_low & 0x10) != 0
        -orig-id: QCOW2_INCOMPAT_EXTL2
  extension:
    doc: an extension of the header
    -orig-id: QCowExtension
    seq:
      - id: type
        -orig-id: magic
        type: u4
        enum: extension_type
      - id: len_data
        -orig-id: len
        type: u4
      - id: data
        size: len_data
      - id: padding
        size: (8 - len_data % 8) % 8
  snapshot:
    doc: an internal snapshot
    -orig-id: QCowSnapshotHeader
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/block/qcow2-snapshot.c qcow2_do_read_snapshots
    seq:
      - id: ofs_l1
        -orig-id: l1_table_offset
        type: u8
        valid:
          max: _io.size
      - id: num_l1
        -orig-id: l1_size
        type: u4
        valid:
          max: 0x400000
        doc: number of entries
      - id: len_id
        -orig-id: id_str_size
        type: u2
      - id: len_name
        -orig-id: name_size
        type: u2
      - id: date_sec
        type: u4
        doc: when it was taken, in seconds since 1970
      - id: date_nsec
        type: u4
      - id: vm_clock_nsec
        type: u8
        doc: how long the guest had run, in nanoseconds
      - id: len_vm_state_32
        -orig-id: vm_state_size
        type: u4
        doc: length of the VM state in bytes, if the extra data does not state it
      - id: len_extra
        -orig-id: extra_data_size
        type: u4
        valid:
          max: 1024
      - id: extra
        -orig-id: QCowSnapshotExtraData
        size: len_extra
        type: snapshot_extra
      - id: id
        -orig-id: id_str
        type: str
        size: len_id
        doc: number that QEMU gave it, as text
      - id: name
        type: str
        size: len_name
        doc: what its user called it
      - id: padding
        size: 'len_padding <= _io.size - _io.pos ? len_padding : _io.size - _io.pos'
        doc: up to a multiple of 8 bytes, where the next one begins; the file may end before
    instances:
      len_padding:
        value: (8 - (len_extra + len_id + len_name) % 8) % 8
      len_vm_state:
        value: 'len_extra >= 8 ? extra.len_vm_state : len_vm_state_32'
        doc: in bytes; 0 if it has the disk alone
      len_disk:
        value: 'len_extra >= 16 ? extra.len_disk : _root.header.len_disk'
        doc: size of the disk in bytes when it was taken
      idx_vm_state:
        value: (len_disk + _root.header.len_l1_coverage - 1) / _root.header.len_l1_coverage
        doc: index in the L1 table where the VM state begins
      num_vm_state:
        value: (len_vm_state + _root.header.len_l1_coverage - 1) / _root.header.len_l1_coverage
        doc: number of L1 entries that the VM state needs
      l1:
        pos: ofs_l1 + idx_vm_state * 8
        type: l1_table(idx_vm_state, num_vm_state, num_l1)
        if: num_vm_state != 0
        doc: the part of the L1 table that the VM state has
  snapshot_extra:
    doc: what newer versions add to a snapshot
    seq:
      - id: len_vm_state
        -orig-id: vm_state_size_large
        type: u8
        if: _io.size >= 8
      - id: len_disk
        -orig-id: disk_size
        type: u8
        if: _io.size >= 16
      - id: icount
        type: u8
        if: _io.size >= 24
        doc: number of instructions that the guest had executed, if QEMU counted them; else all bits are set
  l1_table:
    doc: "a snapshot's first table: where the second ones lie"
    params:
      - id: idx_first
        type: u8
      - id: num_entries
        type: u8
      - id: num_all
        type: u4
    seq:
      - id: fits
        size: 0
        valid:
          expr: idx_first + num_entries <= num_all
        doc: no bytes; the VM state must lie within the table
      - id: entries
        type: l1_entry
        repeat: expr
        repeat-expr: num_entries
  l1_entry:
    doc: |
      Of the 64 bits, bits 9 to 55 are the offset of the L2 table, a multiple of the length of a cluster; bit 63 says
      that nothing else refers to it. They are read as two halves since some languages have no integers of 64 bits.
    seq:
      - id: high
        type: u4
      - id: low
        type: u4
        valid:
          expr: ofs_l2 <= _io.size
    instances:
      ofs_l2:
        value: (high & 0xffffff) * 0x100000000 + (low - low % 512)
        -orig-id: L1E_OFFSET_MASK
        doc: 0 if all of its clusters are zero
      l2:
        pos: ofs_l2
        type: l2_table
        if: ofs_l2 != 0
  l2_table:
    doc: "a second table: where the clusters lie"
    seq:
      - id: entries
        type: l2_entry
        repeat: expr
        repeat-expr: _root.header.num_l2
  l2_entry:
    doc: where a cluster lies, and how
    seq:
      - id: high
        type: u4
      - id: low
        type: u4
        valid:
          expr: is_compressed or ofs_cluster <= _io.size
      - id: subclusters
        type: subclusters
        if: _root.header.has_extended_l2
    instances:
      is_compressed:
        value: (high & 0x40000000) != 0
        -orig-id: QCOW_OFLAG_COMPRESSED
      is_zero:
        value: not is_compressed and not _root.header.has_extended_l2 and (low & 0x01) != 0
        -orig-id: QCOW_OFLAG_ZERO
        doc: the cluster reads as zero, whatever is at its offset; where there are extended L2 entries, `subclusters` says it
      ofs_cluster:
        value: (high & 0xffffff) * 0x100000000 + (low - low % 512)
        -orig-id: L2E_OFFSET_MASK
        doc: offset in the file if it is not compressed; 0 if it has none
      cluster:
        pos: ofs_cluster
        type: qemu_migration_extent(_root.header.len_cluster)
        if: not is_compressed and not is_zero and ofs_cluster != 0
      num_bits_high:
        value: 38 - _root.header.cluster_bits
        doc: how many bits of a compressed cluster's offset are in `high`
      ofs_compressed:
        value: (high & ((1 << num_bits_high) - 1)) * 0x100000000 + low
        if: is_compressed
        doc: offset in the file, at any byte
      num_sectors:
        value: ((high & 0x3fffffff) >> num_bits_high) + 1
        if: is_compressed
        doc: how many sectors of 512 bytes it touches; the last one may be cut by the end of the file
      len_compressed:
        value: num_sectors * 512 - ofs_compressed % 512
        if: is_compressed
        doc: at most so many bytes are those of the cluster
  subclusters:
    doc: a bit for each of the 32 parts of a cluster, the first part in the lowest bit
    seq:
      - id: zero
        type: u4
        doc: set where the part reads as zero
      - id: allocated
        type: u4
        doc: set where the part is allocated in the cluster
enums:
  crypt_method:
    0:
      id: none
      doc: clusters are plain
    1:
      id: aes
      doc: AES-CBC, the old encryption
    2:
      id: luks
      doc: LUKS
  compression_type:
    0:
      id: zlib
      doc: compressed clusters are deflate
    1:
      id: zstd
      doc: compressed clusters are zstd
  extension_type:
    0x00000000:
      id: end
      doc: no more extensions
    0xe2792aca:
      id: backing_format
      -orig-id: QCOW2_EXT_MAGIC_BACKING_FORMAT
      doc: "the backing file's format, by name"
    0x6803f857:
      id: feature_table
      -orig-id: QCOW2_EXT_MAGIC_FEATURE_TABLE
      doc: names of the feature bits
    0x0537be77:
      id: crypto_header
      -orig-id: QCOW2_EXT_MAGIC_CRYPTO_HEADER
      doc: where the LUKS header lies
    0x23852875:
      id: bitmaps
      -orig-id: QCOW2_EXT_MAGIC_BITMAPS
      doc: where the directory of dirty bitmaps lies
    0x44415441:
      id: data_file
      -orig-id: QCOW2_EXT_MAGIC_DATA_FILE
      doc: "name of the file that holds the guest's data"
