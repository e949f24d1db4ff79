meta:
  id: qemu_migration_envelope
  title: QEMU migration stream
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: 0.11
  ks-opaque-types: true
  encoding: UTF-8
  endian: be
  imports:
    - qemu_migration_block
    - qemu_migration_command
    - qemu_migration_configuration
    - qemu_migration_description
    - qemu_migration_dirty_bitmap
    - qemu_migration_extent
    - qemu_migration_pbs_state
    - qemu_migration_ram
    - qemu_migration_s390_skeys
    - qemu_migration_s390_stattrib
    - qemu_migration_s390_todclock
    - qemu_migration_spapr_htab
    - qemu_migration_vfio
doc: |
  The byte stream in which QEMU carries a virtual machine: what `savevm` keeps in an image, what `migrate` sends
  to another host or writes into a file. This is the main channel; the further channels of multifd and of
  postcopy preemption, and the return path, have formats of their own.

  A stream is a header, an optional configuration, records up to an end mark, and usually a description of the
  devices' states in JSON. The records are commands and sections. A device with little state has one section
  (`full`); one with much, such as RAM, has a `start`, any number of `part` and an `end` section.

  **The length of a device's section is written nowhere.** It follows from the device's list of fields, and of
  these the stream states only in the JSON description after the end mark. Kaitai Struct can't follow that, so
  such a payload is an opaque type, `qemu_migration_device_payload`, that has to be written by hand in the target
  language. It is given `idstr` and `instance_id`, starts at the payload's first byte and has to consume the
  payload exactly: find the entry of that `name` and `instance_id` in the description's `devices`, and add up
  `size` times `array_len` (1 where it is absent) of its `fields`, and for each of its `subsections` one byte,
  the name after a byte of length, a 32-bit version and, again, fields and subsections.

  Streams of the format before version 3 (QEMU 0.15), those inside a TLS session and those of Xen and COLO are
  not described here.
doc-ref:
  - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c
  - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.h
  - https://www.qemu.org/docs/master/devel/migration/main.html#stream-structure Stream structure
params:
  - id: page_size_default
    type: u4
    doc: |
      Size of a target page in bytes, for a stream that does not state it in its configuration or in
      a `postcopy_advise` command. x86 and s390x never state it (4096). The description, where there is one,
      states it as `page_size`. Zero if it is unknown, which is well as long as there are no pages.
seq:
  - id: magic
    -orig-id: QEMU_VM_FILE_MAGIC
    contents: QEVM
  - id: version
    -orig-id: QEMU_VM_FILE_VERSION
    type: u4
    valid: 3
  - id: configuration
    type: qemu_migration_configuration
    if: first_record_type == record_type::configuration
    doc: absent for machine types with the property `send-configuration` off
  - id: records
    type: |
      record(
        _index,
        _index == 0 ? -1 : records[_index - 1].idx_last_start,
        _index == 0 ? page_size_of_start : records[_index - 1].page_size,
        _index == 0 ? 0 : records[_index - 1].ofs_package_end
      )
    repeat: until
    repeat-until: _.record_type == record_type::eof
  - id: description
    type: qemu_migration_description
    if: not _io.eof and type_after_eof == record_type::description
    doc: absent with postcopy, and for machine types with the property `suppress-vmdesc` on
  - id: padding
    type: qemu_migration_extent(_io.size - _io.pos)
    doc: zeros up to the end of the file or volume that holds the stream; usually empty
instances:
  first_record_type:
    pos: _io.pos
    type: u1
    enum: record_type
  type_after_eof:
    pos: _io.pos
    type: u1
    enum: record_type
  page_size_of_start:
    value: |
      first_record_type == record_type::configuration and configuration.page_bits != 0
        ? (1 << configuration.page_bits)
        : page_size_default
    doc: size of a target page in bytes, as known when the records begin
  is_ignore_shared:
    value: first_record_type == record_type::configuration and configuration.is_ignore_shared
    doc: shared RAM blocks are listed with an address, and their content stays where it is
  is_mapped_ram:
    value: first_record_type == record_type::configuration and configuration.is_mapped_ram
    doc: pages are at fixed offsets in the file instead of in RAM records
types:
  record:
    doc: |
      A section, a command or the end mark.

      A `part` and an `end` section do not say which device they belong to, only the number that the `start`
      section bound to it. Each record therefore remembers where the last `start` record before it is, and with
      that the chain of all of them.

      The command `packaged` says how many bytes of records after it belong together: a destination reads all of
      them before it acts on the first, since the channel has to be free for pages by then. They are records like all
      others, and stand in the same list.
    params:
      - id: idx
        type: s4
        doc: index of this record in the list of records
      - id: idx_start_before
        type: s4
        doc: index of the last `start` record before this one; -1 if there is none
      - id: page_size_before
        type: u4
        doc: size of a target page in bytes as known before this record; 0 if it is not
      - id: ofs_package_end_before
        type: u8
        doc: offset after the last package that was announced before this record; 0 if there was none
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
          any-of:
            - record_type::eof
            - record_type::section_start
            - record_type::section_part
            - record_type::section_end
            - record_type::section_full
            - record_type::command
      - id: body
        type:
          switch-on: record_type
          cases:
            record_type::section_start: section_start
            record_type::section_part: section_part
            record_type::section_end: section_part
            record_type::section_full: section_full
            record_type::command: qemu_migration_command
      - id: mark_end
        size: 0
        valid:
          expr: ofs_end <= ofs_package_end_before or not is_packaged
        doc: no bytes; makes the parser keep the position, which must not lie after the record's package
    instances:
      ofs_start:
        value: _io.pos
        doc: offset of the type byte
      ofs_end:
        value: _io.pos
        doc: offset after the last byte of the record
      is_packaged:
        value: ofs_start < ofs_package_end_before
        doc: the record lies in a package
      ofs_package_end:
        value: |
          record_type == record_type::command and body.as<qemu_migration_command>.len_package != 0
            ? ofs_end + body.as<qemu_migration_command>.len_package
            : ofs_package_end_before
        doc: offset after the last package that was announced up to and with this record; 0 if there was none
      idx_last_start:
        value: 'record_type == record_type::section_start ? idx : idx_start_before'
        doc: index of the last `start` record up to and with this one; -1 if there is none
      page_size:
        value: |
          record_type == record_type::command and body.as<qemu_migration_command>.page_size != 0
            ? body.as<qemu_migration_command>.page_size
            : page_size_before
        doc: size of a target page in bytes as known after this record; 0 if it is not
  section_name:
    doc: what `start` and `full` sections bind their number to
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c save_section_header
    seq:
      - id: section_id
        type: u4
        doc: number by which `part` and `end` sections and footers refer to it
      - id: len_idstr
        type: u1
      - id: idstr
        type: str
        size: len_idstr
        doc: path and name of the device, as the source registered it; data, never a file name
      - id: instance_id
        type: u4
        doc: distinguishes devices of one `idstr`
      - id: version_id
        type: u4
        doc: version of the payload's format; may be large (`eeprom` has 20061113)
    instances:
      format:
        value: |
          idstr.length >= 5 and idstr.substring(idstr.length - 5, idstr.length) == "/vfio" ? "vfio" : idstr
        doc: what decides the payload's format, the `idstr`; of a VFIO device without the path before it
  section_start:
    doc: the first section of a device that has several
    seq:
      - id: name
        type: section_name
      - id: payload
        type: live_payload(name.format, true, _parent.page_size_before)
      - id: footer
        type: section_footer(name.section_id)
        if: next_type == record_type::section_footer
    instances:
      next_type:
        pos: _io.pos
        type: u1
        enum: record_type
  section_part:
    doc: a further section of a device that has several; an `end` section looks the same
    seq:
      - id: section_id
        type: u4
        valid:
          expr: _parent.idx_start_before >= 0
      - id: opening
        type: opening(section_id, _parent.idx_start_before, 0)
        doc: no bytes; finds the `start` section
      - id: payload
        type: live_payload(opening.name.format, false, _parent.page_size_before)
      - id: footer
        type: section_footer(section_id)
        if: next_type == record_type::section_footer
    instances:
      next_type:
        pos: _io.pos
        type: u1
        enum: record_type
  section_full:
    doc: the only section of a device
    seq:
      - id: name
        type: section_name
      - id: payload
        type:
          switch-on: name.format
          cases:
            '"s390-skeys"': qemu_migration_s390_skeys
            '"todclock"': qemu_migration_s390_todclock
            '"vfio"': qemu_migration_vfio(true)
            _: qemu_migration_device_payload(name.idstr, name.instance_id)
        doc: fields of the device, which only the description gives, but for those with a format of their own
      - id: footer
        type: section_footer(name.section_id)
        if: next_type == record_type::section_footer
    instances:
      next_type:
        pos: _io.pos
        type: u1
        enum: record_type
  opening:
    doc: the `start` section of a number, found by going back from one `start` section to the one before it
    params:
      - id: section_id
        type: u4
      - id: idx_start
        type: s4
        doc: index of a `start` record in the list of records
      - id: num_later
        type: u1
        doc: how many `start` records after that one were looked at before
    seq:
      - id: found
        size: 0
        valid:
          expr: is_here or (record.idx_start_before >= 0 and num_later < 31)
        doc: |
          no bytes; the number has to be bound, and by one of the last 32: there are five such devices, and those that
          are passed through
    instances:
      record:
        value: _root.records[idx_start]
      start:
        value: record.body.as<section_start>
      is_here:
        value: start.name.section_id == section_id
      earlier:
        type: opening(section_id, record.idx_start_before, num_later + 1)
        if: not is_here
      name:
        value: 'is_here ? start.name : earlier.name.as<section_name>'
  live_payload:
    doc: a payload with a format of its own, which ends where its own end mark says
    params:
      - id: format
        type: str
      - id: is_start
        type: bool
      - id: page_size
        type: u4
    seq:
      - id: known
        size: 0
        valid:
          expr: |
            is_ram or format == "block" or format == "dirty-bitmap" or format == "spapr/htab"
            or format == "s390-storage_attributes" or format == "vfio" or format == "pbs-state"
        doc: no bytes; the payloads that are described here
      - id: content
        type:
          switch-on: format
          cases:
            '"ram"': 'qemu_migration_ram(page_size, is_start, _root.is_ignore_shared, _root.is_mapped_ram)'
            '"block"': qemu_migration_block
            '"dirty-bitmap"': qemu_migration_dirty_bitmap
            '"pbs-state"': qemu_migration_pbs_state
            '"spapr/htab"': qemu_migration_spapr_htab
            '"s390-storage_attributes"': qemu_migration_s390_stattrib
            '"vfio"': qemu_migration_vfio(false)
    instances:
      is_ram:
        value: format == "ram"
  section_footer:
    doc: closes a section; absent for machine types with the property `send-section-footer` off
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c save_section_footer
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
      doc: end mark; nothing but the description may follow
    0x01:
      id: section_start
      -orig-id: QEMU_VM_SECTION_START
      doc: first section of a device that has several
    0x02:
      id: section_part
      -orig-id: QEMU_VM_SECTION_PART
      doc: further section, sent while the guest may be running
    0x03:
      id: section_end
      -orig-id: QEMU_VM_SECTION_END
      doc: last section of a device that has several
    0x04:
      id: section_full
      -orig-id: QEMU_VM_SECTION_FULL
      doc: only section of a device
    0x05:
      id: subsection
      -orig-id: QEMU_VM_SUBSECTION
      doc: optional part of a device's payload, never a record of its own
    0x06:
      id: description
      -orig-id: QEMU_VM_VMDESCRIPTION
      doc: what the devices' payloads consist of; after the end mark
    0x07:
      id: configuration
      -orig-id: QEMU_VM_CONFIGURATION
      doc: what both sides must agree on; before all records
    0x08:
      id: command
      -orig-id: QEMU_VM_COMMAND
      doc: what the destination is ordered to do
    0x7e:
      id: section_footer
      -orig-id: QEMU_VM_SECTION_FOOTER
      doc: closes a section
