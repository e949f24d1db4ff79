meta:
  id: pci_config
  title: Configuration space of a PCI device
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: 0.11
  endian: le
doc: Its header by the fields that the standard gives it, then the device's own registers.
doc-ref:
  - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/pci/pci.c put_pci_config_device
  - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/include/standard-headers/linux/pci_regs.h
seq:
  - id: vendor_id
    type: u2
  - id: device_id
    type: u2
  - id: command
    type: u2
  - id: status
    type: u2
  - id: revision_id
    type: u1
  - id: class_code
    type: u1
    repeat: expr
    repeat-expr: 3
  - id: cache_line_size
    type: u1
  - id: latency_timer
    type: u1
  - id: header_type
    type: u1
    doc: the highest bit says that the device has several functions
  - id: bist
    type: u1
  - id: header
    type:
      switch-on: header_type & 0x7f
      cases:
        0: device_header
        1: bridge_header
        _: other_header
  - id: device_registers
    size: '(_io.size < 0x100 ? _io.size : 0x100) - 0x40'
    doc: the device's own, with the capabilities among them
  - id: extended_registers
    size-eos: true
    if: _io.size > 0x100
    doc: extended configuration space, which devices on PCI Express have
instances:
  has_capabilities:
    value: (status & 0x10) != 0
    -orig-id: PCI_STATUS_CAP_LIST
  ofs_capability:
    pos: 0x34
    type: u1
    -orig-id: PCI_CAPABILITY_LIST
  first_capability:
    type: capability(ofs_capability & 0xfc, 48)
    if: has_capabilities and (ofs_capability & 0xfc) >= 0x40
  num_msix_vectors:
    value: |
      has_capabilities and (ofs_capability & 0xfc) >= 0x40 ? first_capability.num_msix_vectors : 0
    doc: 0 without the capability MSI-X
  is_express:
    value: |
      has_capabilities and (ofs_capability & 0xfc) >= 0x40 ? first_capability.is_express : false
    doc: whether the capability PCI Express is in the list
types:
  device_header:
    doc: header type 0, of an ordinary device
    seq:
      - id: bar
        type: u4
        repeat: expr
        repeat-expr: 6
      - id: cardbus_cis
        type: u4
      - id: subsystem_vendor_id
        type: u2
      - id: subsystem_id
        type: u2
      - id: rom_address
        type: u4
      - id: capability_pointer
        type: u1
      - id: reserved
        type: u1
        repeat: expr
        repeat-expr: 7
      - id: interrupt_line
        type: u1
      - id: interrupt_pin
        type: u1
      - id: min_gnt
        type: u1
      - id: max_lat
        type: u1
  bridge_header:
    doc: header type 1, of a bridge to another bus
    seq:
      - id: bar
        type: u4
        repeat: expr
        repeat-expr: 2
      - id: primary_bus
        type: u1
      - id: secondary_bus
        type: u1
      - id: subordinate_bus
        type: u1
      - id: secondary_latency_timer
        type: u1
      - id: io_base
        type: u1
      - id: io_limit
        type: u1
      - id: secondary_status
        type: u2
      - id: memory_base
        type: u2
      - id: memory_limit
        type: u2
      - id: prefetch_base
        type: u2
      - id: prefetch_limit
        type: u2
      - id: prefetch_base_upper
        type: u4
      - id: prefetch_limit_upper
        type: u4
      - id: io_base_upper
        type: u2
      - id: io_limit_upper
        type: u2
      - id: capability_pointer
        type: u1
      - id: reserved
        type: u1
        repeat: expr
        repeat-expr: 3
      - id: rom_address
        type: u4
      - id: interrupt_line
        type: u1
      - id: interrupt_pin
        type: u1
      - id: bridge_control
        type: u2
  other_header:
    doc: a header type that has no layout here
    seq:
      - id: header
        type: u1
        repeat: expr
        repeat-expr: 48
  capability:
    doc: one of the list of capabilities, each of which says where the next one lies
    params:
      - id: ofs_self
        type: u1
      - id: num_left
        type: u1
        doc: how many more there is room for; a list that loops ends at 0
    instances:
      kind:
        pos: ofs_self
        type: u1
        -orig-id: PCI_CAP_LIST_ID
      ofs_next:
        pos: ofs_self + 1
        type: u1
        -orig-id: PCI_CAP_LIST_NEXT
      control:
        pos: ofs_self + 2
        type: u2
        -orig-id: PCI_MSIX_FLAGS
      has_next:
        value: (ofs_next & 0xfc) >= 0x40 and num_left > 0
      next:
        type: capability(ofs_next & 0xfc, num_left - 1)
        if: has_next
      num_msix_vectors:
        value: |
          kind == 0x11 ? (control & 0x7ff) + 1 : has_next ? next.num_msix_vectors.as<s4> : 0
      is_express:
        value: |
          kind == 0x10 ? true : has_next ? next.is_express.as<bool> : false
