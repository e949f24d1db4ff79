meta:
  id: qemu_migration_ram_record
  title: QEMU migration stream, one record of a RAM section
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: 0.11
  encoding: UTF-8
  endian: be
  imports:
    - qemu_migration_extent
doc: |
  A page, or a mark between pages.

  It opens with a 64-bit word: an offset in a RAM block, a multiple of the page size, with flags in the low bits. On
  targets with pages of 256 bytes the two highest flags are bits of the offset.
doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/ram.c ram_load_precopy
params:
  - id: page_size
    type: u4
    doc: size of a target page in bytes
seq:
  - id: word
    type: u8
    valid:
      expr: |
        kind == record_kind::zero or kind == record_kind::page or kind == record_kind::eos
        or kind == record_kind::xbzrle or kind == record_kind::compress_page
        or kind == record_kind::multifd_flush or kind == record_kind::hook
    doc: offset in the block, with flags in the low bits
  - id: len_block_name
    type: u1
    if: has_block_name
  - id: block_name
    -orig-id: idstr
    type: str
    size: len_block_name
    if: has_block_name
  - id: body
    type:
      switch-on: kind
      cases:
        record_kind::zero: zero_page
        record_kind::page: qemu_migration_extent(page_size)
        record_kind::xbzrle: xbzrle_page
        record_kind::compress_page: compressed_page
instances:
  flags:
    value: word & (page_size - 1)
    -orig-id: RAM_SAVE_FLAG_*
  addr:
    value: word - flags
    doc: offset in the block
  is_continue:
    value: (flags & 0x20) != 0
    -orig-id: RAM_SAVE_FLAG_CONTINUE
    doc: the page lies in the same block as the one before it
  kind:
    value: 'flags & 0xffffdf'
    enum: record_kind
  has_block_name:
    value: |
      not is_continue and kind != record_kind::eos and kind != record_kind::multifd_flush and kind != record_kind::hook
types:
  zero_page:
    doc: a page that is all zero
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/ram.c save_zero_page
    seq:
      - id: fill
        contents: [0x00]
  xbzrle_page:
    doc: how a page differs from what was sent of it before
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/ram.c load_xbzrle
    seq:
      - id: encoding
        -orig-id: ENCODING_FLAG_XBZRLE
        contents: [0x01]
      - id: len_delta
        -orig-id: xh_len
        type: u2
        valid:
          max: _root.page_size
      - id: delta
        size: len_delta
        doc: runs of equal and of differing bytes in turn, each after its length in ULEB128
        doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/xbzrle.c
  compressed_page:
    doc: a page in a zlib stream of its own; up to QEMU 9.0
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v7.2.0/migration/ram.c ram_load_precopy
    seq:
      - id: len_compressed
        -orig-id: len
        type: u4
        valid:
          max: _root.page_size + (_root.page_size >> 12) + (_root.page_size >> 14) + (_root.page_size >> 25) + 13
        doc: at most what zlib's compressBound() allows for a page
      - id: compressed
        size: len_compressed
enums:
  record_kind:
    0x002:
      id: zero
      -orig-id: RAM_SAVE_FLAG_ZERO
      doc: a page that is all zero
    0x008:
      id: page
      -orig-id: RAM_SAVE_FLAG_PAGE
      doc: a page as it is
    0x010:
      id: eos
      -orig-id: RAM_SAVE_FLAG_EOS
      doc: end of the section's payload
    0x040:
      id: xbzrle
      -orig-id: RAM_SAVE_FLAG_XBZRLE
      doc: a page as a difference
    0x080:
      id: hook
      -orig-id: RAM_SAVE_FLAG_HOOK
      doc: pages are sent by something else, such as RDMA, or lie in a file of Android's emulator; up to QEMU 8.1
    0x100:
      id: compress_page
      -orig-id: RAM_SAVE_FLAG_COMPRESS_PAGE
      doc: a compressed page
    0x200:
      id: multifd_flush
      -orig-id: RAM_SAVE_FLAG_MULTIFD_FLUSH
      doc: all that was sent on multifd channels must be loaded before anything that follows
