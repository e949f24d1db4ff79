meta:
  id: qemu_migration_postcopy_preempt
  title: QEMU migration, the channel of postcopy-preempt
  application: QEMU
  file-extension: fwd
  license: CC0-1.0
  ks-version: 0.11
  endian: be
  imports:
    - qemu_migration_ram_record
doc: |
  With the capability `postcopy-preempt`, pages that the guest is waiting for overtake all others on a channel of
  their own. It has RAM records and nothing else: no header, no sections, and no end but that of the channel.
doc-ref:
  - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/postcopy-ram.c postcopy_preempt_thread
  - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/ram.c ram_load_postcopy
params:
  - id: page_size
    type: u4
    doc: size of a target page in bytes
seq:
  - id: page_size_known
    size: 0
    valid:
      expr: page_size >= 256 and (page_size & (page_size - 1)) == 0
    doc: no bytes; without the page size a page can't be read
  - id: records
    type: qemu_migration_ram_record(page_size)
    repeat: eos
