meta:
  id: mips_tlb_entry
  title: TLB entry of a MIPS processor
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: 0.11
  endian: be
doc: Two pages beside each other, and how they may be accessed.
doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/target/mips/system/machine.c put_tlb
params:
  - id: has_mmid
    type: bool
    doc: from version 3 of cpu/tlb on
  - id: is_wide
    type: bool
    doc: whether registers have 64 bits
seq:
  - id: vpn
    -orig-id: VPN
    type:
      switch-on: is_wide
      cases:
        true: u8
        false: u4
  - id: page_mask
    -orig-id: PageMask
    type: u4
  - id: asid
    -orig-id: ASID
    type: u2
  - id: mmid
    -orig-id: MMID
    type: u4
    if: has_mmid
  - id: flags
    type: u2
  - id: pfn
    -orig-id: PFN
    type: u8
    repeat: expr
    repeat-expr: 2
