meta:
  id: subsection_ahead
  title: A look at what follows the fields of a state
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: 0.11
  endian: be
doc: Whether a subsection follows, and which. Read without moving on.
doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/vmstate.c vmstate_subsection_load
seq:
  - id: mark
    type: u1
    if: not _io.eof
  - id: len_name
    type: u1
    if: mark == 0x05
  - id: raw
    size: 'len_name > _io.size - _io.pos ? 0 : len_name'
    if: mark == 0x05
instances:
  name:
    value: raw.to_s("ISO-8859-1")
    if: mark == 0x05
    doc: where the mark is there by chance this is no name; so any byte has to pass for a letter
