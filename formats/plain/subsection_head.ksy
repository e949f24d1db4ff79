meta:
  id: subsection_head
  title: What opens a subsection
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: 0.11
  encoding: UTF-8
  endian: be
doc: Optional part of a state, identified by its name.
doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/vmstate.c vmstate_subsection_save
params:
  - id: version_expected
    type: u4
seq:
  - id: mark
    -orig-id: QEMU_VM_SUBSECTION
    contents: [0x05]
  - id: len_name
    type: u1
  - id: name
    type: str
    size: len_name
  - id: version_id
    type: u4
    valid: version_expected
