meta:
  id: qemu_migration_resumed
  title: QEMU migration, the main channel after a failure
  application: QEMU
  file-extension: fwd
  license: CC0-1.0
  ks-version: 0.11
  endian: be
  imports:
    - qemu_migration_command
    - qemu_migration_dirty_bitmap
    - qemu_migration_ram
doc: |
  When the connection breaks during postcopy, the guest already runs on the destination, and the source can continue over
  another connection. There is no header, since this is no new stream: the first record is a command, `recv_bitmap`
  for each RAM block, then `postcopy_resume`, then sections of devices whose `start` section was on the channel that
  broke. Only what can be sent in postcopy is left by then: RAM, and dirty bitmaps.
doc-ref:
  - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/migration.c postcopy_do_resume
  - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/ram.c ram_dirty_bitmap_sync_all
params:
  - id: page_size
    type: u4
    doc: size of a target page in bytes
  - id: section_id_ram
    type: u4
    doc: number that the `start` section on the channel before bound to `ram`
  - id: section_id_dirty_bitmap
    type: u4
    doc: number bound to `dirty-bitmap`; that of `ram` if there was none
seq:
  - id: records
    type: record
    repeat: until
    repeat-until: _.record_type == record_type::eof
    doc: up to the end mark, unless this connection breaks, too
types:
  record:
    doc: a section that continues, or a command
    seq:
      - id: mark_start
        size: 0
        if: ofs_start >= 0
        doc: no bytes; makes the parser keep the position
      - id: record_type
        -orig-id: section_type
        type: u1
        enum: record_type
        valid:
          in-enum: true
      - id: body
        type:
          switch-on: record_type
          cases:
            record_type::section_part: section
            record_type::section_end: section
            record_type::command: qemu_migration_command
      - id: mark_end
        size: 0
        if: ofs_end >= 0
        doc: no bytes; makes the parser keep the position
    instances:
      ofs_start:
        value: _io.pos
        doc: offset of the type byte
      ofs_end:
        value: _io.pos
        doc: offset after the last byte of the record
  section:
    doc: more of RAM or of the dirty bitmaps
    seq:
      - id: section_id
        type: u4
        valid:
          any-of:
            - _root.section_id_ram
            - _root.section_id_dirty_bitmap
      - id: payload
        type:
          switch-on: section_id == _root.section_id_ram
          cases:
            true: qemu_migration_ram(_root.page_size, false, false, false)
            false: qemu_migration_dirty_bitmap
      - id: footer
        type: section_footer(section_id)
        if: next_type == 0x7e
    instances:
      next_type:
        pos: _io.pos
        type: u1
  section_footer:
    doc: closes a section; absent for machine types with the property `send-section-footer` off
    params:
      - id: expected
        type: u4
        doc: number of the section that is open
    seq:
      - id: magic
        -orig-id: QEMU_VM_SECTION_FOOTER
        contents: [0x7e]
      - id: section_id
        type: u4
        valid: expected
enums:
  record_type:
    0x00:
      id: eof
      -orig-id: QEMU_VM_EOF
      doc: end mark
    0x02:
      id: section_part
      -orig-id: QEMU_VM_SECTION_PART
      doc: further section of a device
    0x03:
      id: section_end
      -orig-id: QEMU_VM_SECTION_END
      doc: last section of a device
    0x08:
      id: command
      -orig-id: QEMU_VM_COMMAND
      doc: what the destination is ordered to do
