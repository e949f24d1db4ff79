meta:
  id: msix_table
  title: MSI-X table of a PCI device
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: 0.11
  endian: le
doc: An entry for each vector, then a bit for each that is pending.
doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/pci/msix.c msix_save
params:
  - id: num_vectors
    type: u4
seq:
  - id: table
    type: entry
    repeat: expr
    repeat-expr: num_vectors
  - id: pending_bits
    type: u1
    repeat: expr
    repeat-expr: (num_vectors + 7) / 8
types:
  entry:
    doc: "a vector: where its message goes, what it says, and whether it is masked"
    seq:
      - id: address
        type: u8
      - id: data
        type: u4
      - id: vector_control
        type: u4
