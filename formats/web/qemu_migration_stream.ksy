meta:
  id: qemu_migration_stream
  title: QEMU migration stream
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: '0.11'
  encoding: UTF-8
  endian: be
doc: |
  The byte stream in which QEMU carries a virtual machine, whole in one file: no imports, no types written by hand.

  Made by formats/bundle.mjs of the formats beside it; see those for the ideas one by one.

  The length of a device's section is written nowhere. Here the section ends where its footer seems to be. What a
  device's fields are, and with them where it surely ends, is in the description after the end mark of each stream;
  `savevm-inspect schema to-ksy SOURCE` writes this format with the devices of that one machine.
doc-ref:
  - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c
  - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.h
  - https://www.qemu.org/docs/master/devel/migration/main.html#stream-structure Stream structure
seq:
  - id: magic
    '-orig-id': QEMU_VM_FILE_MAGIC
    contents: QEVM
  - id: version
    '-orig-id': QEMU_VM_FILE_VERSION
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
  page_size_default:
    value: 4096
    doc: |
      Size of a target page in bytes, for a stream that does not state it in its configuration or in
      a `postcopy_advise` command. x86 and s390x never state it (4096). The description, where there is one,
      states it as `page_size`. Zero if it is unknown, which is well as long as there are no pages.

      To be changed here for such a stream of another machine.
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
        '-orig-id': section_type
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
            _: device_payload(name.section_id)
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
            '"ram"': qemu_migration_ram(page_size, is_start, _root.is_ignore_shared, _root.is_mapped_ram)
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
        '-orig-id': QEMU_VM_SECTION_FOOTER
        contents:
          - 126
      - id: section_id
        type: u4
        valid: expected
  qemu_migration_block:
    meta:
      encoding: UTF-8
      endian: be
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
            '-orig-id': BLK_MIG_FLAG_*
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
            '-orig-id': BLK_MIG_BLOCK_SIZE
            type: qemu_migration_extent(0x100000)
            if: not is_zero
            doc: always of this length, even where the disk ends within it
    enums:
      record_kind:
        '1':
          id: chunk
          '-orig-id': BLK_MIG_FLAG_DEVICE_BLOCK
          doc: a piece of a disk
        '2':
          id: eos
          '-orig-id': BLK_MIG_FLAG_EOS
          doc: end of the section's payload
        '4':
          id: progress
          '-orig-id': BLK_MIG_FLAG_PROGRESS
          doc: how far the source is
        '9':
          id: zero_chunk
          '-orig-id': BLK_MIG_FLAG_DEVICE_BLOCK | BLK_MIG_FLAG_ZERO_BLOCK
          doc: a piece of a disk that is all zero
  qemu_migration_extent:
    meta:
      endian: be
    doc: |
      A page of a guest's memory, or all of a RAM block in a mapped-ram file.

      As it stands here, the bytes are read where they occur. In a language whose runtime copies what it reads, a type
      of the same name can replace the compiled one: it steps over the bytes and reads `content` when
      somebody asks for it. A stream of many gigabytes then parses in the memory of its records alone.
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/ram.c save_normal_page
    params:
      - id: len_content
        type: u8
        doc: in bytes
    seq:
      - id: content
        size: len_content
  qemu_migration_command:
    meta:
      encoding: UTF-8
      endian: be
    doc: |
      What the source orders the destination to do, after the record's type byte. A command lies wholly in its
      argument; what `packaged` announces follows it.
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c loadvm_process_command
    seq:
      - id: command
        '-orig-id': cmd
        type: u2
        enum: command
        valid:
          in-enum: true
      - id: len_argument
        '-orig-id': len
        type: u2
        valid:
          expr: |
            (command != command::open_return_path or _ == 0)
            and (command != command::ping or _ == 4)
            and (command != command::postcopy_advise or _ == 0 or _ == 16)
            and (command != command::postcopy_listen or _ == 0)
            and (command != command::postcopy_run or _ == 0)
            and (command != command::postcopy_ram_discard or _ >= 20)
            and (command != command::packaged or _ == 4)
            and (command != command::enable_colo or _ == 0)
            and (command != command::postcopy_resume or _ == 0)
            and (command != command::switchover_start or _ == 0)
      - id: argument
        size: len_argument
        type:
          switch-on: command
          cases:
            command::ping: ping
            command::postcopy_advise: postcopy_advise
            command::postcopy_ram_discard: postcopy_ram_discard
            command::packaged: packaged
            command::recv_bitmap: recv_bitmap
    instances:
      is_advise_of_ram:
        value: command == command::postcopy_advise and len_argument == 16
      page_size:
        value: 'is_advise_of_ram ? argument.as<postcopy_advise>.target_page_size : 0'
        doc: size of a target page in bytes, if this command states it; 0 otherwise
      len_package:
        value: 'command == command::packaged ? argument.as<packaged>.len_package : 0'
        doc: how many bytes of records after this command are its package; 0 for other commands
    types:
      ping:
        doc: asks for an answer with the same number
        seq:
          - id: value
            type: u4
            doc: comes back on the return path
      postcopy_advise:
        doc: empty if dirty bitmaps are the only thing that may come by postcopy
        doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c loadvm_postcopy_handle_advise
        seq:
          - id: page_size_summary
            '-orig-id': remote_pagesize_summary
            type: u8
            if: not _io.eof
            valid:
              min: 1
            doc: the sizes of the pages of all RAM blocks on the source's host, or-ed
          - id: target_page_size
            '-orig-id': remote_tps
            type: u8
            if: not _io.eof
            valid:
              expr: _ >= 256 and _ <= 0x1000000 and (_ & (_ - 1)) == 0
      postcopy_ram_discard:
        doc: ranges of a RAM block that were sent and have changed since
        doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c qemu_savevm_send_postcopy_ram_discard
        seq:
          - id: version
            '-orig-id': postcopy_ram_discard_version
            type: u1
            valid: 0
          - id: len_name
            type: u1
            valid:
              min: 1
          - id: name
            type: str
            size: len_name
            doc: of the RAM block
          - id: terminator
            contents:
              - 0
          - id: ranges
            type: range
            repeat: eos
      range:
        doc: a run of pages
        seq:
          - id: start
            type: u8
            doc: offset in the block in bytes
          - id: length
            type: u8
            doc: in bytes
      packaged:
        doc: |
          The package follows the command: records as all others, without header and end mark. They are the devices'
          sections, and the commands that let the guest run on the destination, which reads all of them before it acts.
        doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c qemu_savevm_send_packaged
        seq:
          - id: len_package
            '-orig-id': length
            type: u4
            doc: bytes of the records that are packaged
      recv_bitmap:
        doc: the destination is to say which pages of a RAM block it has
        doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c qemu_savevm_send_recv_bitmap
        seq:
          - id: len_block_name
            type: u1
            valid:
              expr: _ > 0 and _ == _io.size - _io.pos
          - id: block_name
            type: str
            size: len_block_name
    enums:
      command:
        '1':
          id: open_return_path
          '-orig-id': MIG_CMD_OPEN_RETURN_PATH
          doc: answer on the return path from now on
        '2':
          id: ping
          '-orig-id': MIG_CMD_PING
          doc: send a PONG on the return path
        '3':
          id: postcopy_advise
          '-orig-id': MIG_CMD_POSTCOPY_ADVISE
          doc: postcopy may follow; comes before any page
        '4':
          id: postcopy_listen
          '-orig-id': MIG_CMD_POSTCOPY_LISTEN
          doc: take pages while devices are being loaded
        '5':
          id: postcopy_run
          '-orig-id': MIG_CMD_POSTCOPY_RUN
          doc: let the guest run
        '6':
          id: postcopy_ram_discard
          '-orig-id': MIG_CMD_POSTCOPY_RAM_DISCARD
          doc: forget pages that have changed since
        '7':
          id: packaged
          '-orig-id': MIG_CMD_PACKAGED
          doc: read all of the package before acting on it
        '8':
          id: enable_colo
          '-orig-id': MIG_CMD_ENABLE_COLO
          doc: coarse-grained lock stepping begins
        '9':
          id: postcopy_resume
          '-orig-id': MIG_CMD_POSTCOPY_RESUME
          doc: a postcopy that was interrupted continues
        '10':
          id: recv_bitmap
          '-orig-id': MIG_CMD_RECV_BITMAP
          doc: say which pages have arrived
        '11':
          id: switchover_start
          '-orig-id': MIG_CMD_SWITCHOVER_START
          doc: the guest has stopped on the source; sent by machine types of QEMU 10.0 and later
  qemu_migration_configuration:
    meta:
      encoding: UTF-8
      endian: be
    doc: |
      What source and destination must agree on before anything else is read. The machine type is always there; each
      subsection only where it is needed.
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c vmstate_configuration
    seq:
      - id: record_type
        '-orig-id': QEMU_VM_CONFIGURATION
        contents:
          - 7
      - id: len_machine
        '-orig-id': len
        type: u4
        valid:
          max: 255
        doc: QEMU sets no limit; no machine type's name is near this one
      - id: machine
        '-orig-id': name
        type: str
        size: len_machine
        doc: machine type, with its version and without its alias
      - id: subsections
        type: |
          subsection(
            _index == 0 ? 0 : subsections[_index - 1].page_bits,
            _index > 0 and subsections[_index - 1].is_ignore_shared,
            _index > 0 and subsections[_index - 1].is_mapped_ram
          )
        repeat: until
        repeat-until: _.byte_after != 0x05 or _index == 2
        if: byte_after_machine == 0x05
        doc: each of the three kinds at most once
      - id: mark_end
        size: 0
        if: ofs_end >= 0
        doc: no bytes; makes the parser keep the position
    instances:
      byte_after_machine:
        pos: _io.pos
        type: u1
        doc: type byte of the first subsection, or of the first record
      ofs_end:
        value: _io.pos
        doc: offset after the last byte of the configuration
      has_subsections:
        value: byte_after_machine == 0x05
      page_bits:
        value: 'has_subsections ? subsections.last.page_bits : 0'
        doc: log2 of the size of a target page in bytes; 0 if the stream leaves it to the machine
      is_ignore_shared:
        value: has_subsections and subsections.last.is_ignore_shared
        doc: whether the capability `x-ignore-shared` is on
      is_mapped_ram:
        value: has_subsections and subsections.last.is_mapped_ram
        doc: whether the capability `mapped-ram` is on
    types:
      subsection:
        doc: one thing that both sides must agree on
        doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/vmstate.c vmstate_subsection_save
        params:
          - id: page_bits_before
            type: u4
            doc: what the subsections before this one say, as below
          - id: is_ignore_shared_before
            type: bool
          - id: is_mapped_ram_before
            type: bool
        seq:
          - id: record_type
            '-orig-id': QEMU_VM_SUBSECTION
            contents:
              - 5
          - id: len_name
            type: u1
          - id: name
            type: str
            size: len_name
            valid:
              any-of:
                - '"configuration/target-page-bits"'
                - '"configuration/capabilities"'
                - '"configuration/uuid"'
          - id: version_id
            type: u4
            valid: 1
          - id: body
            type:
              switch-on: name
              cases:
                '"configuration/target-page-bits"': target_page_bits
                '"configuration/capabilities"': capabilities
                '"configuration/uuid"': uuid
        instances:
          byte_after:
            pos: _io.pos
            type: u1
            doc: type byte of the next subsection, or of the first record
          page_bits:
            value: |
              name == "configuration/target-page-bits" ? body.as<target_page_bits>.page_bits : page_bits_before
            doc: what the subsections up to this one say
          is_ignore_shared:
            value: |
              name == "configuration/capabilities" ? body.as<capabilities>.is_ignore_shared : is_ignore_shared_before
            doc: what the subsections up to this one say
          is_mapped_ram:
            value: |
              name == "configuration/capabilities" ? body.as<capabilities>.is_mapped_ram : is_mapped_ram_before
            doc: what the subsections up to this one say
      target_page_bits:
        doc: sent where the size of a target page is not the smallest that the target has, as on ARM
        doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c vmstate_target_page_bits
        seq:
          - id: page_bits
            '-orig-id': target_page_bits
            type: u4
            valid:
              min: 8
              max: 24
      capabilities:
        doc: the capabilities that change the stream's format and are on; those that do not are not sent
        doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c vmstate_capabilites
        seq:
          - id: num_capabilities
            '-orig-id': caps_count
            type: u4
          - id: capabilities
            type: |
              capability(
                _index > 0 and capabilities[_index - 1].is_ignore_shared,
                _index > 0 and capabilities[_index - 1].is_mapped_ram
              )
            repeat: expr
            repeat-expr: num_capabilities
        instances:
          is_ignore_shared:
            value: num_capabilities > 0 and capabilities.last.is_ignore_shared
          is_mapped_ram:
            value: num_capabilities > 0 and capabilities.last.is_mapped_ram
      capability:
        doc: the name of a capability that is on
        doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c put_capability
        params:
          - id: is_ignore_shared_before
            type: bool
          - id: is_mapped_ram_before
            type: bool
        seq:
          - id: len_name
            type: u1
          - id: name
            type: str
            size: len_name
        instances:
          is_ignore_shared:
            value: is_ignore_shared_before or name == "x-ignore-shared"
            doc: whether this capability or one before it is `x-ignore-shared`
          is_mapped_ram:
            value: is_mapped_ram_before or name == "mapped-ram"
            doc: whether this capability or one before it is `mapped-ram`
      uuid:
        doc: sent with the capability `validate-uuid`
        doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c vmstate_uuid
        seq:
          - id: uuid
            size: 16
  qemu_migration_description:
    meta:
      encoding: UTF-8
      endian: be
    doc: |
      What the devices' payloads consist of, in JSON, after the end mark of a stream. With postcopy there is none, nor
      for machine types with the property `suppress-vmdesc` on.
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c qemu_savevm_state_complete_precopy_non_iterable
    seq:
      - id: record_type
        '-orig-id': QEMU_VM_VMDESCRIPTION
        contents:
          - 6
      - id: len_json
        '-orig-id': vmdesc_len
        type: u4
      - id: json
        type: str
        size: len_json
        doc: |
          an object with `page_size`, `devices` and, since QEMU 8, `configuration`; a key can occur several times in one
          object
      - id: mark_end
        size: 0
        if: ofs_end >= 0
        doc: no bytes; makes the parser keep the position
    instances:
      ofs_end:
        value: _io.pos
        doc: offset after the last byte
  qemu_migration_dirty_bitmap:
    meta:
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
            '-orig-id': node_alias
            type: counted_string
            if: (flags & 0x08) != 0
          - id: bitmap
            '-orig-id': bitmap_alias
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
            '-orig-id': DIRTY_BITMAP_MIG_FLAG_EOS
            doc: end of the section's payload
          is_start:
            value: (flags & 0x10) != 0
            '-orig-id': DIRTY_BITMAP_MIG_FLAG_START
            doc: a bitmap begins
          is_complete:
            value: (flags & 0x20) != 0
            '-orig-id': DIRTY_BITMAP_MIG_FLAG_COMPLETE
            doc: a bitmap is complete
          is_bits:
            value: (flags & 0x40) != 0 and not is_start and not is_complete
            '-orig-id': DIRTY_BITMAP_MIG_FLAG_BITS
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
              max: 7
        instances:
          is_enabled:
            value: (flags & 0x01) != 0
            '-orig-id': DIRTY_BITMAP_MIG_START_FLAG_ENABLED
          is_persistent:
            value: (flags & 0x02) != 0
            '-orig-id': DIRTY_BITMAP_MIG_START_FLAG_PERSISTENT
      bits:
        doc: a piece of a bitmap
        doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/block-dirty-bitmap.c dirty_bitmap_load_bits
        params:
          - id: is_zeroes
            '-orig-id': DIRTY_BITMAP_MIG_FLAG_ZEROES
            type: bool
            doc: no bit is set and there is no content
        seq:
          - id: first_sector
            type: u8
            doc: in sectors of 512 bytes
          - id: num_sectors
            type: u4
          - id: len_content
            '-orig-id': buf_size
            type: u8
            if: not is_zeroes
          - id: content
            size: len_content
            if: not is_zeroes
  qemu_migration_pbs_state:
    meta:
      endian: be
    doc: |
      Proxmox's QEMU keeps the dirty bitmaps of its backups in a buffer that only its backup library understands. The device
      has a `start` section alone, which no `end` section follows.
    doc-ref: https://git.proxmox.com/?p=pve-qemu.git;a=tree;f=debian/patches/pve migration/pbs-state.c
    seq:
      - id: len_bitmaps
        type: u8
      - id: bitmaps
        size: len_bitmaps
  qemu_migration_ram:
    meta:
      encoding: UTF-8
      endian: be
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
              expr: (_ & (_parent.page_size - 1)) == 0x04
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
        doc: 'a RAM block: its name and length'
        params:
          - id: len_before
            type: u8
            doc: sum of the lengths of the blocks before this one
        seq:
          - id: len_name
            type: u1
          - id: name
            '-orig-id': idstr
            type: str
            size: len_name
            doc: a path of the object that owns the block; data, never a file name
          - id: len_used
            '-orig-id': used_length
            type: u8
            valid:
              min: 1
              max: _parent.len_total - len_before
          - id: addr
            '-orig-id': mr->addr
            type: u8
            if: _parent._parent.is_ignore_shared
            doc: guest-physical address of the block
          - id: mapped
            type: qemu_migration_mapped_ram(len_used, _parent._parent.page_size)
            if: _parent._parent.is_mapped_ram
        instances:
          len_sum:
            value: len_before + len_used
            doc: sum of the lengths of the blocks up to and with this one
  qemu_migration_mapped_ram:
    meta:
      endian: be
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
        '-orig-id': MAPPED_RAM_HDR_VERSION
        type: u4
        valid: 1
      - id: page_size
        type: u8
        valid: page_size_expected
      - id: ofs_bitmap
        '-orig-id': bitmap_offset
        type: u8
        valid:
          max: _io.size
        doc: from the start of the file; 0 if the block's content is not in the file
      - id: ofs_pages
        '-orig-id': pages_offset
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
  qemu_migration_ram_record:
    meta:
      encoding: UTF-8
      endian: be
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
        '-orig-id': idstr
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
        '-orig-id': RAM_SAVE_FLAG_*
      addr:
        value: word - flags
        doc: offset in the block
      is_continue:
        value: (flags & 0x20) != 0
        '-orig-id': RAM_SAVE_FLAG_CONTINUE
        doc: the page lies in the same block as the one before it
      kind:
        value: flags & 0xffffdf
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
            contents:
              - 0
      xbzrle_page:
        doc: how a page differs from what was sent of it before
        doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/ram.c load_xbzrle
        seq:
          - id: encoding
            '-orig-id': ENCODING_FLAG_XBZRLE
            contents:
              - 1
          - id: len_delta
            '-orig-id': xh_len
            type: u2
            valid:
              max: _parent.page_size
          - id: delta
            size: len_delta
            doc: runs of equal and of differing bytes in turn, each after its length in ULEB128
            doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/xbzrle.c
      compressed_page:
        doc: a page in a zlib stream of its own; up to QEMU 9.0
        doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v7.2.0/migration/ram.c ram_load_precopy
        seq:
          - id: len_compressed
            '-orig-id': len
            type: u4
            valid:
              max: _parent.page_size + (_parent.page_size >> 12) + (_parent.page_size >> 14) + (_parent.page_size >> 25) + 13
            doc: at most what zlib's compressBound() allows for a page
          - id: compressed
            size: len_compressed
    enums:
      record_kind:
        '2':
          id: zero
          '-orig-id': RAM_SAVE_FLAG_ZERO
          doc: a page that is all zero
        '8':
          id: page
          '-orig-id': RAM_SAVE_FLAG_PAGE
          doc: a page as it is
        '16':
          id: eos
          '-orig-id': RAM_SAVE_FLAG_EOS
          doc: end of the section's payload
        '64':
          id: xbzrle
          '-orig-id': RAM_SAVE_FLAG_XBZRLE
          doc: a page as a difference
        '128':
          id: hook
          '-orig-id': RAM_SAVE_FLAG_HOOK
          doc: pages are sent by something else, such as RDMA, or lie in a file of Android's emulator; up to QEMU 8.1
        '256':
          id: compress_page
          '-orig-id': RAM_SAVE_FLAG_COMPRESS_PAGE
          doc: a compressed page
        '512':
          id: multifd_flush
          '-orig-id': RAM_SAVE_FLAG_MULTIFD_FLUSH
          doc: all that was sent on multifd channels must be loaded before anything that follows
  qemu_migration_s390_skeys:
    meta:
      endian: be
    doc: Storage keys of an s390x guest, one for each page of 4096 bytes. Without keys there is the end mark alone.
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/s390x/s390-skeys.c s390_storage_keys_load
    seq:
      - id: records
        type: record
        repeat: until
        repeat-until: _.flag == flag::eos
    types:
      record:
        doc: a run of keys, or the end
        seq:
          - id: word
            type: u8
            valid:
              expr: flag == flag::eos or flag == flag::skeys
            doc: guest-physical address of a page, with a flag in the low bits
          - id: num_keys
            '-orig-id': total_count
            type: u8
            if: flag == flag::skeys
          - id: keys
            size: num_keys
            if: flag == flag::skeys
            doc: a byte a page
        instances:
          flag:
            value: word & 0xfff
            enum: flag
          addr:
            value: word - (word & 0xfff)
            doc: guest-physical address of the first page
    enums:
      flag:
        '1':
          id: eos
          '-orig-id': S390_SKEYS_SAVE_FLAG_EOS
          doc: end of the payload
        '2':
          id: skeys
          '-orig-id': S390_SKEYS_SAVE_FLAG_SKEYS
          doc: keys follow
        '4':
          id: error
          '-orig-id': S390_SKEYS_SAVE_FLAG_ERROR
          doc: the source could not read them; the destination gives up
  qemu_migration_s390_stattrib:
    meta:
      endian: be
    doc: Attributes of an s390x guest's storage, which collaborative memory management keeps for each page of 4096 bytes.
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/s390x/s390-stattrib.c cmma_load
    seq:
      - id: records
        type: record
        repeat: until
        repeat-until: _.flag == flag::eos
    types:
      record:
        doc: a run of attributes, or a mark
        seq:
          - id: word
            type: u8
            valid:
              expr: flag == flag::eos or flag == flag::more or flag == flag::done
            doc: guest-physical address of a page, with a flag in the low bits
          - id: num_attributes
            '-orig-id': count
            type: u8
            if: flag == flag::more
          - id: attributes
            size: num_attributes
            if: flag == flag::more
            doc: a byte a page
        instances:
          flag:
            value: word & 0xfff
            enum: flag
          addr:
            value: word - (word & 0xfff)
            doc: guest-physical address of the first page
    enums:
      flag:
        '1':
          id: eos
          '-orig-id': STATTR_FLAG_EOS
          doc: end of the section's payload
        '2':
          id: more
          '-orig-id': STATTR_FLAG_MORE
          doc: attributes follow
        '4':
          id: error
          '-orig-id': STATTR_FLAG_ERROR
          doc: the source could not read them all; the destination gives up
        '8':
          id: done
          '-orig-id': STATTR_FLAG_DONE
          doc: all have been sent
  qemu_migration_s390_todclock:
    meta:
      endian: be
    doc: The time-of-day clock of an s390x guest.
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/s390x/tod.c s390_tod_load
    seq:
      - id: presence
        type: u1
        enum: presence
        valid:
          in-enum: true
      - id: clock
        type: clock
        if: presence == presence::present
    types:
      clock:
        '-orig-id': S390TOD
        doc: 72 bits of an extended clock value; bit 51 of `low`, counted from the highest, stands for a microsecond
        seq:
          - id: high
            type: u1
            doc: epochs
          - id: low
            type: u8
            doc: time within the epoch
    enums:
      presence:
        '0':
          id: missing
          '-orig-id': S390_TOD_CLOCK_VALUE_MISSING
          doc: the source did not know the time
        '1':
          id: present
          '-orig-id': S390_TOD_CLOCK_VALUE_PRESENT
          doc: the time follows
  qemu_migration_spapr_htab:
    meta:
      endian: be
    doc: The hash page table of a POWER guest (pseries machine).
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/ppc/spapr.c htab_load
    seq:
      - id: header
        '-orig-id': section_hdr
        type: u4
        doc: |
          all bits set: the guest has no hash page table; 0: chunks follow; anything else: log2 of the table's size in
          bytes, in the `start` section
      - id: chunks
        type: chunk
        repeat: until
        repeat-until: _.is_end
        if: header == 0
    types:
      chunk:
        doc: a run of valid entries and the invalid ones after them
        doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/ppc/spapr.c htab_save_chunk
        seq:
          - id: index
            type: u4
            doc: number of the first entry
          - id: num_valid
            '-orig-id': n_valid
            type: u2
          - id: num_invalid
            '-orig-id': n_invalid
            type: u2
            doc: entries after the valid ones that have become invalid; they have no content
          - id: entries
            size: 16
            repeat: expr
            repeat-expr: num_valid
            '-orig-id': HASH_PTE_SIZE_64
        instances:
          is_end:
            value: index == 0 and num_valid == 0 and num_invalid == 0
  qemu_migration_vfio:
    meta:
      endian: be
    doc: |
      A device that is passed through to the guest. Its hardware reports its state, and only its vendor knows what it means.
      What QEMU adds is the configuration, the last of its sections: a VMState of the PCI device, of which nothing here
      says how long it is; it ends where the flag `end_of_state` stands.

      With multifd, the state is in packets of other channels, and only flags are here.
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/vfio/migration.c vfio_load_state
    params:
      - id: is_full
        type: bool
        doc: the payload is that of a `full` section
    seq:
      - id: records
        type: record(is_full)
        repeat: until
        repeat-until: _.is_last
    types:
      record:
        doc: a flag, and what it says that follows
        params:
          - id: is_full
            type: bool
        seq:
          - id: word
            size: 8
            valid:
              expr: |
                word == [0xff, 0xff, 0xff, 0xff, 0xef, 0x10, 0x00, 0x01]
                or word == [0xff, 0xff, 0xff, 0xff, 0xef, 0x10, 0x00, 0x02]
                or word == [0xff, 0xff, 0xff, 0xff, 0xef, 0x10, 0x00, 0x03]
                or word == [0xff, 0xff, 0xff, 0xff, 0xef, 0x10, 0x00, 0x04]
                or word == [0xff, 0xff, 0xff, 0xff, 0xef, 0x10, 0x00, 0x05]
                or word == [0xff, 0xff, 0xff, 0xff, 0xef, 0x10, 0x00, 0x06]
            doc: a 64-bit number; as bytes, since JavaScript's numbers could not distinguish the flags
          - id: body
            type:
              switch-on: flag
              cases:
                flag::dev_config_state: config
                flag::dev_data_state: data
          - id: end
            '-orig-id': VFIO_MIG_FLAG_END_OF_STATE
            contents:
              - 255
              - 255
              - 255
              - 255
              - 239
              - 16
              - 0
              - 1
            if: flag == flag::dev_setup_state or flag == flag::dev_config_state
        instances:
          flag:
            value: word[7]
            enum: flag
            '-orig-id': VFIO_MIG_FLAG_*
          is_last:
            value: flag != flag::dev_data_state and (flag != flag::dev_config_state or is_full)
            doc: |
              nothing follows in this section; QEMU 5.2 put the configuration into the `end` section, with data after it
      data:
        doc: a piece of the device's state
        seq:
          - id: len_data
            '-orig-id': data_size
            type: u8
          - id: data
            type: qemu_migration_extent(len_data)
      config:
        doc: the device's configuration, up to the end mark
        doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/vfio/pci.c vmstate_vfio_pci_config
        seq:
          - id: pieces
            type: piece
            repeat: until
            repeat-until: _.is_last
            doc: together they are the configuration
      piece:
        doc: bytes up to one that may begin the flag that ends them; with that byte, if it does not
        seq:
          - id: bytes
            terminator: 255
            consume: false
          - id: no_end
            contents:
              - 255
            if: not is_last
        instances:
          ahead:
            pos: _io.pos
            size: 8
            if: _io.size - _io.pos >= 8
          is_last:
            value: |
              _io.size - _io.pos >= 8 and ahead == [0xff, 0xff, 0xff, 0xff, 0xef, 0x10, 0x00, 0x01]
    enums:
      flag:
        '1':
          id: end_of_state
          '-orig-id': VFIO_MIG_FLAG_END_OF_STATE
          doc: ends the section, or what the flag before it began
        '2':
          id: dev_config_state
          '-orig-id': VFIO_MIG_FLAG_DEV_CONFIG_STATE
          doc: the configuration follows
        '3':
          id: dev_setup_state
          '-orig-id': VFIO_MIG_FLAG_DEV_SETUP_STATE
          doc: the device is ready to give its state; nothing follows but the end
        '4':
          id: dev_data_state
          '-orig-id': VFIO_MIG_FLAG_DEV_DATA_STATE
          doc: a piece of the device's state follows
        '5':
          id: dev_init_data_sent
          '-orig-id': VFIO_MIG_FLAG_DEV_INIT_DATA_SENT
          doc: the initial data was sent, the destination may agree to the switchover; ends the section
        '6':
          id: dev_config_load_ready
          '-orig-id': VFIO_MIG_FLAG_DEV_CONFIG_LOAD_READY
          doc: the configuration that came over multifd may be loaded now; ends the section
  device_payload:
    meta:
      endian: be
    doc: |
      Bytes up to the section's footer: the first 0x7e with the section's own number after it, where a record can follow.
      State may hold such bytes by chance; only a description is sure.
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c vmstate_save
    params:
      - id: section_id
        type: u4
    seq:
      - id: pieces
        type: piece(section_id)
        repeat: until
        repeat-until: _.is_last
    types:
      piece:
        doc: some bytes, and a look at whether the footer follows them
        params:
          - id: section_id
            type: u4
        seq:
          - id: bytes
            terminator: 126
            consume: false
          - id: no_footer
            contents:
              - 126
            if: not is_last
        instances:
          footer_ahead:
            pos: _io.pos
            type: footer_ahead
            if: _io.size - _io.pos >= 6
            doc: the end mark, at least, follows the last footer
          is_last:
            value: |
              _io.size - _io.pos >= 6 and footer_ahead.section_id == section_id
              and (footer_ahead.next_type <= 0x04 or footer_ahead.next_type == 0x08)
      footer_ahead:
        doc: what may be the footer, read without moving on
        seq:
          - id: magic
            contents:
              - 126
          - id: section_id
            type: u4
          - id: next_type
            type: u1
enums:
  record_type:
    '0':
      id: eof
      '-orig-id': QEMU_VM_EOF
      doc: end mark; nothing but the description may follow
    '1':
      id: section_start
      '-orig-id': QEMU_VM_SECTION_START
      doc: first section of a device that has several
    '2':
      id: section_part
      '-orig-id': QEMU_VM_SECTION_PART
      doc: further section, sent while the guest may be running
    '3':
      id: section_end
      '-orig-id': QEMU_VM_SECTION_END
      doc: last section of a device that has several
    '4':
      id: section_full
      '-orig-id': QEMU_VM_SECTION_FULL
      doc: only section of a device
    '5':
      id: subsection
      '-orig-id': QEMU_VM_SUBSECTION
      doc: optional part of a device's payload, never a record of its own
    '6':
      id: description
      '-orig-id': QEMU_VM_VMDESCRIPTION
      doc: what the devices' payloads consist of; after the end mark
    '7':
      id: configuration
      '-orig-id': QEMU_VM_CONFIGURATION
      doc: what both sides must agree on; before all records
    '8':
      id: command
      '-orig-id': QEMU_VM_COMMAND
      doc: what the destination is ordered to do
    '126':
      id: section_footer
      '-orig-id': QEMU_VM_SECTION_FOOTER
      doc: closes a section
