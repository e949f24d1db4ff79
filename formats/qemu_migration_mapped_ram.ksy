meta:
  id: qemu_migration_mapped_ram
  title: QEMU migration stream, where mapped-ram keeps the pages of a RAM block
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: 0.11
  endian: be
  imports:
    - qemu_migration_extent
doc: |
  With the capability `mapped-ram` each page of guest memory has a fixed offset in the file, so that a page that
  changes is written over instead of being sent again. This header follows each RAM block in the list of blocks.

  After it lie the bitmap, a gap up to a multiple of 1 MiB, and room for each page of the block. A page that is
  all zero is not written: its bit is not set, and its room is a hole in the file.
doc-ref:
  - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/ram.c MappedRamHeader
  - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/ram.c mapped_ram_setup_ramblock
params:
  - id: len_used
    type: u8
    doc: length of the block in bytes
  - id: page_size_expected
    type: u4
    doc: size of a target page in bytes
seq:
  - id: version
    -orig-id: MAPPED_RAM_HDR_VERSION
    type: u4
    valid: 1
  - id: page_size
    type: u8
    valid: page_size_expected
  - id: ofs_bitmap
    -orig-id: bitmap_offset
    type: u8
    valid:
      max: _io.size
    doc: from the start of the file; 0 if the block's content is not in the file
  - id: ofs_pages
    -orig-id: pages_offset
    type: u8
    valid:
      max: _io.size
    doc: from the start of the file, a multiple of 1 MiB; 0 if the block's content is not in the file
  - id: area
    type: qemu_migration_extent(ofs_pages + len_used - _io.pos)
    if: ofs_pages != 0
    doc: the bitmap, a gap, and room for each page
instances:
  len_bitmap:
    value: (len_used / page_size + 63) / 64 * 8
  bitmap:
    pos: ofs_bitmap
    size: len_bitmap
    if: ofs_bitmap != 0
    doc: a bit a page, set where the page is not all zero; little-endian words of 64 bits
  pages:
    pos: ofs_pages
    type: qemu_migration_extent(len_used)
    if: ofs_pages != 0
    doc: room for each page, in order
