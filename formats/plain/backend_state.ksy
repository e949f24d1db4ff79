meta:
  id: backend_state
  title: State of a vhost-user back end
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: 0.11
  endian: be
  imports:
    - backend_chunk
doc: The state of a file system's back end, in chunks of which only the back end knows the structure.
doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/virtio/vhost-user-fs.c vuf_save_state
seq:
  - id: chunk
    type: backend_chunk
    repeat: until
    repeat-until: _.len_data == 0
