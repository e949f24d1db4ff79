meta:
  id: qemu_migration_ram
  title: QEMU migration stream, payload of a RAM section
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: 0.11
  encoding: UTF-8
  endian: be
  imports:
    - qemu_migration_mapped_ram
    - qemu_migration_ram_record
doc: |
  The list of RAM blocks (in the `start` section only), then pages up to an end mark.

  A page can be sent several times; the last one counts. With multifd most pages travel on other channels and
  with mapped-ram they are at fixed offsets; then there are few or none here. A block of huge pages has a further
  number in the list if postcopy is on, which the stream does not state: such lists are not described here, nor is
  RDMA.
doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/ram.c
params:
  - id: page_size
    type: u4
    doc: size of a target page in bytes
  - id: is_start
    type: bool
    doc: this is the `start` section, which has the list of blocks
  - id: is_ignore_shared
    type: bool
    doc: the capability `x-ignore-shared` is on
  - id: is_mapped_ram
    type: bool
    doc: the capability `mapped-ram` is on
seq:
  - id: page_size_known
    size: 0
    valid:
      expr: page_size >= 256 and (page_size & (page_size - 1)) == 0
    doc: no bytes; without the page size a RAM section can't be read
  - id: block_list
    type: block_list
    if: is_start
  - id: records
    type: qemu_migration_ram_record(page_size)
    repeat: until
    repeat-until: _.kind == qemu_migration_ram_record::record_kind::eos
types:
  block_list:
    doc: all RAM blocks, up to the sum of their lengths
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/ram.c ram_save_setup
    seq:
      - id: word
        type: u8
        valid:
          expr: (_ & (_root.page_size - 1)) == 0x04
        doc: sum of the blocks' lengths, with the flag RAM_SAVE_FLAG_MEM_SIZE
      - id: blocks
        type: 'block(_index == 0 ? 0 : blocks[_index - 1].len_sum)'
        repeat: until
        repeat-until: _.len_sum == len_total
        if: len_total > 0
    instances:
      len_total:
        value: word - 0x04
        doc: sum of the blocks' lengths in bytes
  block:
    doc: "a RAM block: its name and length"
    params:
      - id: len_before
        type: u8
        doc: sum of the lengths of the blocks before this one
    seq:
      - id: len_name
        type: u1
      - id: name
        -orig-id: idstr
        type: str
        size: len_name
        doc: a path of the object that owns the block; data, never a file name
      - id: len_used
        -orig-id: used_length
        type: u8
        valid:
          min: 1
          max: _parent.len_total - len_before
      - id: addr
        -orig-id: mr->addr
        type: u8
        if: _root.is_ignore_shared
        doc: guest-physical address of the block
      - id: mapped
        type: qemu_migration_mapped_ram(len_used, _root.page_size)
        if: _root.is_mapped_ram
    instances:
      len_sum:
        value: len_before + len_used
        doc: sum of the lengths of the blocks up to and with this one
