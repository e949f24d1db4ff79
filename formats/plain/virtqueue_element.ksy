meta:
  id: virtqueue_element
  title: Request of a virtio guest in flight
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: 0.11
  endian: be
doc: |
  A request of the guest's that the device has not answered: a structure of the host's memory, in its byte order.
  With a packed ring the number of descriptors stands before it.
doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/virtio/virtio.c qemu_put_virtqueue_element
seq:
  - id: mark_start
    size: 0
    if: ofs_start >= 0
    doc: no bytes; makes the parser keep the position
  - id: ndescs
    type: u4
    if: not here.is_header and after.is_header
  - id: elem
    type: host_element(false)
    if: is_little
  - id: elem_be
    type: host_element(true)
    if: not is_little
instances:
  ofs_start:
    value: _io.pos
  here:
    type: element_ahead(ofs_start)
  after:
    type: element_ahead(ofs_start + 4)
  is_little:
    value: 'here.is_header ? here.little.is_header : after.little.is_header'
types:
  element_ahead:
    doc: whether an element begins at an offset, read without moving on
    params:
      - id: ofs
        type: u8
    instances:
      little:
        pos: ofs
        size: 16
        type: element_head(false)
      big:
        pos: ofs
        size: 16
        type: element_head(true)
      is_header:
        value: little.is_header or big.is_header
  element_head:
    meta:
      endian:
        switch-on: is_big
        cases:
          true: be
          false: le
    doc: index, two counts, padding
    params:
      - id: is_big
        type: bool
    seq:
      - id: numbers
        type: u4
        repeat: expr
        repeat-expr: 4
    instances:
      is_header:
        value: numbers[0] < 32768 and numbers[1] <= 1024 and numbers[2] <= 1024 and numbers[3] == 0
  host_element:
    meta:
      endian:
        switch-on: is_big
        cases:
          true: be
          false: le
    doc: 49168 bytes, whatever the request needs of them
    params:
      - id: is_big
        type: bool
    seq:
      - id: index
        type: u4
      - id: out_num
        type: u4
        valid:
          max: 1024
      - id: in_num
        type: u4
        valid:
          max: 1024
      - id: padding
        size: 4
      - id: in_addr
        type: u8
        repeat: expr
        repeat-expr: in_num
      - id: in_addr_unused
        size: (1024 - in_num) * 8
      - id: out_addr
        type: u8
        repeat: expr
        repeat-expr: out_num
      - id: out_addr_unused
        size: (1024 - out_num) * 8
      - id: in_sg
        type: segment(is_big)
        repeat: expr
        repeat-expr: in_num
      - id: in_sg_unused
        size: (1024 - in_num) * 16
      - id: out_sg
        type: segment(is_big)
        repeat: expr
        repeat-expr: out_num
      - id: out_sg_unused
        size: (1024 - out_num) * 16
  segment:
    meta:
      endian:
        switch-on: is_big
        cases:
          true: be
          false: le
    doc: a run of guest memory; its place in the host's memory is not in it
    params:
      - id: is_big
        type: bool
    seq:
      - id: iov_base
        type: u8
      - id: iov_len
        type: u8
