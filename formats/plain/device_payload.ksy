meta:
  id: device_payload
  title: Payload of a device section of unknown length
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: 0.11
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
        terminator: 0x7e
        consume: false
      - id: no_footer
        contents: [0x7e]
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
        contents: [0x7e]
      - id: section_id
        type: u4
      - id: next_type
        type: u1
