meta:
  id: virtio_gpu
  title: Content of a virtio GPU
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: 0.11
  endian: be
doc: |
  Resources with their pixels, and what each scanout shows. The state has no length of its own: it ends where its field
  does.
doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/display/virtio-gpu.c virtio_gpu_save
seq:
  - id: resource
    type: resource
    repeat: until
    repeat-until: _.resource_id == 0
  - id: enable
    type: s4
  - id: max_outputs
    type: u4
    valid:
      max: 16
  - id: scanout
    type: scanout(max_outputs - _index - 1)
    repeat: expr
    repeat-expr: max_outputs
types:
  resource:
    doc: a resource, or the end of their list
    seq:
      - id: resource_id
        type: u4
      - id: width
        type: u4
        if: resource_id != 0
      - id: height
        type: u4
        if: resource_id != 0
      - id: format
        type: u4
        if: resource_id != 0
      - id: iov_cnt
        type: u4
        if: resource_id != 0
      - id: iov
        type: guest_memory
        repeat: expr
        repeat-expr: iov_cnt
        if: resource_id != 0
      - id: pixels
        size: width * height * 4
        if: resource_id != 0
        doc: of 32 bits in all formats, in rows without padding
  guest_memory:
    doc: a run of the guest memory from which the resource is filled
    seq:
      - id: addr
        type: u8
      - id: iov_len
        type: u4
  scanout:
    doc: an output
    params:
      - id: num_after
        type: u4
        doc: scanouts that follow this one
    seq:
      - id: resource_id
        type: u4
      - id: width
        type: u4
      - id: height
        type: u4
      - id: x
        type: s4
      - id: y
        type: s4
      - id: cursor_resource_id
        -orig-id: cursor.resource_id
        type: u4
      - id: cursor_hot_x
        -orig-id: cursor.hot_x
        type: u4
      - id: cursor_hot_y
        -orig-id: cursor.hot_y
        type: u4
      - id: cursor_pos_x
        -orig-id: cursor.pos.x
        type: u4
      - id: cursor_pos_y
        -orig-id: cursor.pos.y
        type: u4
      - id: mark_framebuffer
        size: 0
        if: ofs_framebuffer >= 0
        doc: no bytes; makes the parser keep the position
      - id: fb
        type: framebuffer
        if: has_framebuffer
    instances:
      ofs_framebuffer:
        value: _io.pos
      len_spare:
        value: _io.size - ofs_framebuffer - num_after * 40
        doc: bytes that are left for the framebuffers of this scanout and of those after it
      framebuffer_ahead:
        pos: ofs_framebuffer
        type: framebuffer
      has_framebuffer:
        value: |
          len_spare > 0 and len_spare <= (num_after + 1) * 24 and (len_spare == (num_after + 1) * 24
          or framebuffer_ahead.is_empty or framebuffer_ahead.is_plausible)
        doc: |
          From version 2 of the state on each scanout should have one. But QEMU looks for the version relative to the
          scanout, which is right for the first one only; so each later one has it or not, by what lies there in memory.
  framebuffer:
    doc: how a scanout lies in its resource
    seq:
      - id: format
        type: u4
      - id: bytes_pp
        type: u4
      - id: width
        type: u4
      - id: height
        type: u4
      - id: stride
        type: u4
      - id: offset
        type: u4
    instances:
      is_empty:
        value: format == 0 and bytes_pp == 0 and width == 0 and height == 0 and stride == 0 and offset == 0
      is_plausible:
        value: |
          bytes_pp == 4 and (format <= 4 or format == 67 or format == 68 or format == 121 or format == 134)
