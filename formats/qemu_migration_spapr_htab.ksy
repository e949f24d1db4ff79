meta:
  id: qemu_migration_spapr_htab
  title: QEMU migration stream, payload of a spapr/htab section
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: 0.11
  endian: be
doc: The hash page table of a POWER guest (pseries machine).
doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/ppc/spapr.c htab_load
seq:
  - id: header
    -orig-id: section_hdr
    type: u4
    doc: |
      all bits set: the guest has no hash page table; 0: chunks follow; anything else: log2 of the table's size in
      bytes, in the `start` section
  - id: chunks
    type: chunk
    repeat: until
    repeat-until: _.is_end
    if: header == 0
types:
  chunk:
    doc: a run of valid entries and the invalid ones after them
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/ppc/spapr.c htab_save_chunk
    seq:
      - id: index
        type: u4
        doc: number of the first entry
      - id: num_valid
        -orig-id: n_valid
        type: u2
      - id: num_invalid
        -orig-id: n_invalid
        type: u2
        doc: entries after the valid ones that have become invalid; they have no content
      - id: entries
        size: 16
        repeat: expr
        repeat-expr: num_valid
        -orig-id: HASH_PTE_SIZE_64
    instances:
      is_end:
        value: index == 0 and num_valid == 0 and num_invalid == 0
