meta:
  id: null_pointer
  title: Stands for an element of an array of pointers that is not there
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: 0.11
  endian: be
doc: The character 0.
doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/vmstate-types.c put_nullptr
seq:
  - id: mark
    -orig-id: VMS_NULLPTR_MARKER
    contents: [0x30]
