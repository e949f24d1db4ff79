meta:
  id: qemu_migration_configuration
  title: QEMU migration stream, configuration
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: 0.11
  encoding: UTF-8
  endian: be
doc: |
  What source and destination must agree on before anything else is read. The machine type is always there; each
  subsection only where it is needed.
doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c vmstate_configuration
seq:
  - id: record_type
    -orig-id: QEMU_VM_CONFIGURATION
    contents: [0x07]
  - id: len_machine
    -orig-id: len
    type: u4
    valid:
      max: 255
    doc: QEMU sets no limit; no machine type's name is near this one
  - id: machine
    -orig-id: name
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
        -orig-id: QEMU_VM_SUBSECTION
        contents: [0x05]
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
        -orig-id: target_page_bits
        type: u4
        valid:
          min: 8
          max: 24
  capabilities:
    doc: the capabilities that change the stream's format and are on; those that do not are not sent
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c vmstate_capabilites
    seq:
      - id: num_capabilities
        -orig-id: caps_count
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
