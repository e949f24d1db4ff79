meta:
  id: backend_chunk
  title: Part of the state of a back end
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: 0.11
  endian: be
doc: Some bytes of the state of a vhost or vhost-user back end; the chunk of length 0 is the last.
doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/virtio/vhost.c vhost_save_backend_state
seq:
  - id: len_data
    -orig-id: length
    type: u4
  - id: data
    size: len_data
