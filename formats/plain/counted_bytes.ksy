meta:
  id: counted_bytes
  title: Bytes with their length before them
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: 0.11
  endian: be
doc: |
  What the agent of a guest sent so far, or the state of the parser in the usbredir library, which serializes it in a
  format of its own.
doc-ref:
  - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/ui/vdagent.c vmstate_chardev put_gbytearray
  - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/usb/redirect.c usbredir_put_parser
seq:
  - id: len_data
    -orig-id: length
    type: u4
  - id: data
    size: len_data
