meta:
  id: usb_redir_packets
  title: Packets of a redirected USB device
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: 0.11
  endian: be
doc: Packets that wait for the guest to ask for them.
doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/usb/redirect.c usbredir_put_bufpq
seq:
  - id: bufpq_size
    type: u4
  - id: packet
    type: packet
    repeat: expr
    repeat-expr: bufpq_size
types:
  packet:
    doc: a packet, with its status in the usbredir protocol
    seq:
      - id: len_data
        -orig-id: len
        type: u4
      - id: status
        type: u4
      - id: data
        size: len_data
