meta:
  id: qemu_migration_block
  title: QEMU migration stream, payload of a block section
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: 0.11
  encoding: UTF-8
  endian: be
  imports:
    - qemu_migration_extent
doc: Contents of the guest's disks, sent along with the machine; up to QEMU 9.0.
doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v7.2.0/migration/block.c block_load
seq:
  - id: records
    type: record
    repeat: until
    repeat-until: _.kind == record_kind::eos
types:
  record:
    doc: a chunk of a disk, a word on the progress, or the end
    seq:
      - id: word
        type: u8
        valid:
          expr: |
            kind == record_kind::chunk or kind == record_kind::zero_chunk or kind == record_kind::eos
            or kind == record_kind::progress
        doc: number of a sector of 512 bytes, or a percentage, with flags in the low 9 bits
      - id: chunk
        type: chunk(kind == record_kind::zero_chunk)
        if: kind == record_kind::chunk or kind == record_kind::zero_chunk
    instances:
      kind:
        value: word & 0x1ff
        enum: record_kind
        -orig-id: BLK_MIG_FLAG_*
      number:
        value: (word - (word & 0x1ff)) / 512
        doc: sector at which the chunk begins, or how many per cent of the disks have been sent once
  chunk:
    doc: a megabyte of a disk
    params:
      - id: is_zero
        type: bool
    seq:
      - id: len_device
        type: u1
      - id: device
        type: str
        size: len_device
        doc: name of the disk; data, never a file name
      - id: content
        -orig-id: BLK_MIG_BLOCK_SIZE
        type: qemu_migration_extent(0x100000)
        if: not is_zero
        doc: always of this length, even where the disk ends within it
enums:
  record_kind:
    0x01:
      id: chunk
      -orig-id: BLK_MIG_FLAG_DEVICE_BLOCK
      doc: a piece of a disk
    0x02:
      id: eos
      -orig-id: BLK_MIG_FLAG_EOS
      doc: end of the section's payload
    0x04:
      id: progress
      -orig-id: BLK_MIG_FLAG_PROGRESS
      doc: how far the source is
    0x09:
      id: zero_chunk
      -orig-id: BLK_MIG_FLAG_DEVICE_BLOCK | BLK_MIG_FLAG_ZERO_BLOCK
      doc: a piece of a disk that is all zero
