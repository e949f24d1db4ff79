meta:
  id: hppa_tlb_entry
  title: TLB entry of an HP PA-RISC processor
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: 0.11
  endian: be
doc: A range of virtual addresses, where it is mapped, and how it may be accessed.
doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/target/hppa/machine.c put_tlb
seq:
  - id: itree_start
    -orig-id: itree.start
    type: u8
  - id: itree_last
    -orig-id: itree.last
    type: u8
  - id: pa
    type: u8
  - id: flags
    type: u8
