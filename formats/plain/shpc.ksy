meta:
  id: shpc
  title: Standard hot-plug controller of a PCI bridge
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: 0.11
  endian: le
doc: Its working register set, with the slots up to the end.
doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/pci/shpc.c shpc_save
seq:
  - id: base_offset
    type: u4
  - id: slots_33
    type: u4
  - id: slots_66
    type: u4
  - id: nslots
    type: u1
  - id: first_dev
    type: u1
  - id: phys_slot
    type: u2
  - id: sec_bus
    type: u2
  - id: msi_ctl
    type: u1
  - id: prog_ifc
    type: u1
  - id: cmd_code
    type: u1
  - id: cmd_trgt
    type: u1
  - id: cmd_status
    type: u2
  - id: int_locator
    type: u4
  - id: serr_locator
    type: u4
  - id: serr_int
    type: u4
  - id: slot
    type: slot
    repeat: eos
types:
  slot:
    doc: a slot; an event that its enable bit does not mask becomes an interrupt
    seq:
      - id: status
        type: u2
      - id: event_latch
        type: u1
      - id: event_disable
        type: u1
