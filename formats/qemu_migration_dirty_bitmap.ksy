meta:
  id: qemu_migration_dirty_bitmap
  title: QEMU migration stream, payload of a dirty-bitmap section
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: 0.11
  encoding: UTF-8
  endian: be
doc: |
  Dirty bitmaps of block devices (capability `dirty-bitmaps`). A chunk without names belongs to the bitmap that was
  named last.
doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/block-dirty-bitmap.c
seq:
  - id: chunks
    type: chunk
    repeat: until
    repeat-until: _.is_eos
types:
  chunk:
    doc: flags, and what they say that follows
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/block-dirty-bitmap.c dirty_bitmap_load_header
    seq:
      - id: flags
        type: u1
        valid:
          expr: (_ & 0x80) == 0
        doc: the highest bit is kept for further bytes of flags, which no QEMU sends
      - id: node
        -orig-id: node_alias
        type: counted_string
        if: (flags & 0x08) != 0
      - id: bitmap
        -orig-id: bitmap_alias
        type: counted_string
        if: (flags & 0x04) != 0
      - id: start
        type: start
        if: is_start
      - id: bits
        type: bits((flags & 0x02) != 0)
        if: is_bits
    instances:
      is_eos:
        value: (flags & 0x01) != 0
        -orig-id: DIRTY_BITMAP_MIG_FLAG_EOS
        doc: end of the section's payload
      is_start:
        value: (flags & 0x10) != 0
        -orig-id: DIRTY_BITMAP_MIG_FLAG_START
        doc: a bitmap begins
      is_complete:
        value: (flags & 0x20) != 0
        -orig-id: DIRTY_BITMAP_MIG_FLAG_COMPLETE
        doc: a bitmap is complete
      is_bits:
        value: (flags & 0x40) != 0 and not is_start and not is_complete
        -orig-id: DIRTY_BITMAP_MIG_FLAG_BITS
        doc: a piece of a bitmap
  counted_string:
    doc: a name with its length before it
    seq:
      - id: len_text
        type: u1
      - id: text
        type: str
        size: len_text
  start:
    doc: what a bitmap is, before its bits
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/block-dirty-bitmap.c dirty_bitmap_load_start
    seq:
      - id: granularity
        type: u4
        doc: bytes of the disk that one bit stands for
      - id: flags
        type: u1
        valid:
          max: 0x07
    instances:
      is_enabled:
        value: (flags & 0x01) != 0
        -orig-id: DIRTY_BITMAP_MIG_START_FLAG_ENABLED
      is_persistent:
        value: (flags & 0x02) != 0
        -orig-id: DIRTY_BITMAP_MIG_START_FLAG_PERSISTENT
  bits:
    doc: a piece of a bitmap
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/block-dirty-bitmap.c dirty_bitmap_load_bits
    params:
      - id: is_zeroes
        -orig-id: DIRTY_BITMAP_MIG_FLAG_ZEROES
        type: bool
        doc: no bit is set and there is no content
    seq:
      - id: first_sector
        type: u8
        doc: in sectors of 512 bytes
      - id: num_sectors
        type: u4
      - id: len_content
        -orig-id: buf_size
        type: u8
        if: not is_zeroes
      - id: content
        size: len_content
        if: not is_zeroes
