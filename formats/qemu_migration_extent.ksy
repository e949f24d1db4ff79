meta:
  id: qemu_migration_extent
  title: QEMU migration stream, bytes that are many and not looked at
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: 0.11
  endian: be
doc: |
  A page of a guest's memory, or all of a RAM block in a mapped-ram file.

  As it stands here, the bytes are read where they occur. In a language whose runtime copies what it reads, a type
  of the same name can replace the compiled one: it steps over the bytes and reads `content` when
  somebody asks for it. A stream of many gigabytes then parses in the memory of its records alone.
doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/ram.c save_normal_page
params:
  - id: len_content
    type: u8
    doc: in bytes
seq:
  - id: content
    size: len_content
