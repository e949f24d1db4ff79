meta:
  id: virtio_gpu_blobs
  title: Resources of a virtio GPU in guest memory
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: 0.11
  endian: be
doc: Resources of which the guest owns the pixels.
doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/display/virtio-gpu.c virtio_gpu_blob_save
seq:
  - id: resource
    type: resource
    repeat: until
    repeat-until: _.resource_id == 0
types:
  resource:
    doc: a resource, or the end of their list
    seq:
      - id: resource_id
        type: u4
      - id: blob_size
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
  guest_memory:
    doc: a run of guest memory
    seq:
      - id: addr
        type: u8
      - id: iov_len
        type: u4
