meta:
  id: qemu_migration_description
  title: QEMU migration stream, description of the devices' states
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: 0.11
  encoding: UTF-8
  endian: be
doc: |
  What the devices' payloads consist of, in JSON, after the end mark of a stream. With postcopy there is none, nor
  for machine types with the property `suppress-vmdesc` on.
doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c qemu_savevm_state_complete_precopy_non_iterable
seq:
  - id: record_type
    -orig-id: QEMU_VM_VMDESCRIPTION
    contents: [0x06]
  - id: len_json
    -orig-id: vmdesc_len
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
