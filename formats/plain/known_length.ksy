meta:
  id: known_length
  title: Payload of which nothing is known but its length
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: 0.11
  endian: be
doc: State of a device that no description explains.
doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c vmstate_save
params:
  - id: len_state
    type: u4
seq:
  - id: state
    size: len_state
