meta:
  id: usb_redir_packet_ids
  title: Identifiers of packets of a redirected USB device
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: 0.11
  endian: be
doc: Packets that were cancelled, or that the destination has to ask for anew.
doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/usb/redirect.c usbredir_put_packet_id_q
seq:
  - id: num_packets
    -orig-id: size
    type: u4
  - id: id_of_packet
    -orig-id: id
    type: u8
    repeat: expr
    repeat-expr: num_packets
