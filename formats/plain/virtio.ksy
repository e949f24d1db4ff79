meta:
  id: virtio
  title: State of a virtio device
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: 0.11
  endian: be
  imports:
    - msix_table
    - pci_config
    - subsection_ahead
    - subsection_head
doc: |
  A virtio device writes its state with code of its own, of which the description knows nothing but the length. This is
  the layout on a PCI bus, of the devices whose own part has one; all others are bytes.
doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/virtio/virtio.c virtio_save
params:
  - id: len_field
    type: u4
    doc: length in bytes, as the description gives it
seq:
  - id: mark_start
    size: 0
    if: ofs_start >= 0
    doc: no bytes; makes the parser keep the position
  - id: state
    size: len_field
    if: not is_known
  - id: device
    type: device_on_pci(len_config, kind, ofs_start + len_field)
    if: is_known
instances:
  ofs_start:
    value: _io.pos
    doc: offset of the first byte
  ahead:
    pos: ofs_start
    type: ahead
    if: len_field >= 276
  levels_after_256:
    pos: ofs_start + 260
    type: levels
    if: len_field >= 276
  levels_after_4096:
    pos: ofs_start + 4100
    type: levels
    if: len_field >= 4116
  len_config:
    value: |
      len_field >= 276 and levels_after_256.is_levels ? 256
      : len_field >= 4116 and levels_after_4096.is_levels ? 4096 : 0
    doc: |
      Size of configuration space in bytes, which only the interrupt lines after it reveal, whose levels are 0 or
      1; 0 if there are none.
  kind:
    value: |
      len_config == 0 ? 0 : ahead.device_id >= 0x1040 ? ahead.device_id - 0x1040 : ahead.subsystem_id
    doc: type of device in the virtio standard
  is_known:
    value: |
      len_config != 0 and ahead.version_id == 2 and ahead.vendor_id == 0x1af4
      and (kind == 1 or kind == 2 or kind == 3 or kind == 4 or kind == 5 or kind == 8 or kind == 18)
types:
  ahead:
    doc: what decides whether the layout is known, read without moving on
    seq:
      - id: version_id
        type: u4
      - id: vendor_id
        type: u2le
      - id: device_id
        type: u2le
      - id: between
        size: 42
      - id: subsystem_id
        type: u2le
  levels:
    doc: four interrupt lines
    seq:
      - id: levels
        type: u4
        repeat: expr
        repeat-expr: 4
    instances:
      is_levels:
        value: levels[0] <= 1 and levels[1] <= 1 and levels[2] <= 1 and levels[3] <= 1
  device_on_pci:
    doc: the whole state of a device on a PCI bus
    params:
      - id: len_config_space
        type: u4
      - id: kind
        type: u4
      - id: ofs_end
        type: u8
    seq:
      - id: pci_dev
        type: pci_dev(len_config_space)
      - id: config_vector
        type: u2
        if: has_vectors
      - id: status
        type: u1
      - id: isr
        type: u1
      - id: queue_sel
        type: u2
      - id: guest_features_lo
        type: u4
      - id: config_len
        type: u4
      - id: config
        size: config_len
        doc: the device's configuration, in the guest's byte order
      - id: num_queues
        type: u4
        valid:
          max: 1024
        doc: queues that the guest uses
      - id: vq
        type: queue(has_vectors)
        repeat: expr
        repeat-expr: num_queues
      - id: device
        type:
          switch-on: kind
          cases:
            1: net
            2: block
            3: console
            5: balloon
        doc: entropy (4), SCSI host (8) and input (18) have nothing of their own
      - id: requests_in_flight
        size: ofs_end - _io.pos
        if: is_busy
        doc: structures of the host's memory, and all that follows them
      - id: subsections
        type: subsections
        if: not is_busy
    instances:
      has_vectors:
        value: pci_dev.config.num_msix_vectors != 0
      is_busy:
        value: |
          kind == 2 ? device.as<block>.requests != 0 : kind == 3 ? device.as<console>.is_busy : false
  pci_dev:
    doc: what the PCI bus knows of the device
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/virtio/virtio-pci.c virtio_pci_save_config
    params:
      - id: len_config
        type: u4
    seq:
      - id: version_id
        type: s4
      - id: config
        size: len_config
        type: pci_config
      - id: irq_state
        type: u4
        repeat: expr
        repeat-expr: 4
        doc: levels of the interrupt lines
      - id: msix
        type: msix_table(config.num_msix_vectors)
        if: config.num_msix_vectors != 0
  queue:
    doc: a virtqueue, as it was before virtio 1.0
    params:
      - id: has_vector
        type: bool
    seq:
      - id: vring_num
        -orig-id: vring.num
        type: u4
      - id: vring_desc
        -orig-id: vring.desc
        type: u8
      - id: last_avail_idx
        type: u2
      - id: vector
        type: u2
        if: has_vector
  net:
    doc: a network card
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/net/virtio-net.c vmstate_virtio_net_device
    seq:
      - id: mac
        type: u1
        repeat: expr
        repeat-expr: 6
      - id: tx_waiting
        type: u4
      - id: mergeable_rx_bufs
        type: u4
      - id: status
        type: u2
      - id: promisc
        type: u1
      - id: allmulti
        type: u1
      - id: mac_table_in_use
        -orig-id: mac_table.in_use
        type: u4
      - id: mac_table_macs
        -orig-id: mac_table.macs
        size: 6 * mac_table_in_use
      - id: vlans
        size: 512
      - id: has_vnet_hdr
        type: u4
      - id: mac_table_multi_overflow
        -orig-id: mac_table.multi_overflow
        type: u1
      - id: mac_table_uni_overflow
        -orig-id: mac_table.uni_overflow
        type: u1
      - id: alluni
        type: u1
      - id: nomulti
        type: u1
      - id: nouni
        type: u1
      - id: nobcast
        type: u1
      - id: has_ufo
        type: u1
      - id: max_queue_pairs
        type: u2
        if: has_queue_pairs
      - id: curr_queue_pairs
        type: u2
        if: has_queue_pairs
      - id: tx_waiting_1
        type: u4
        repeat: expr
        repeat-expr: 'curr_queue_pairs > 0 ? curr_queue_pairs - 1 : 0'
        if: has_queue_pairs
      - id: curr_guest_offloads
        type: u8
        if: (_parent.guest_features_lo & 0x04) != 0
    instances:
      has_queue_pairs:
        value: |
          (_parent.config_len > 8 ? _parent.config[8] : 0)
          + (_parent.config_len > 9 ? _parent.config[9] << 8 : 0) > 1
        doc: max_virtqueue_pairs of the device's configuration
  block:
    doc: a disk
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/block/virtio-blk.c virtio_blk_save_device
    seq:
      - id: requests
        type: u1
        doc: whether requests were in flight
  console:
    doc: a serial console, with its ports
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/char/virtio-serial-bus.c virtio_serial_save_device
    seq:
      - id: cols
        type: u2
      - id: rows
        type: u2
      - id: max_nr_ports
        type: u4
      - id: ports_map
        type: u4
        repeat: expr
        repeat-expr: (max_nr_ports + 31) / 32
      - id: nr_active_ports
        type: u4
      - id: ports
        type: port
        repeat: until
        repeat-until: _.elem_popped != 0 or _index + 1 == nr_active_ports
        if: nr_active_ports > 0
    instances:
      is_busy:
        value: nr_active_ports > 0 and ports.last.elem_popped != 0
  port:
    doc: a port of a serial console
    seq:
      - id: id
        type: u4
      - id: guest_connected
        type: u1
      - id: host_connected
        type: u1
      - id: elem_popped
        type: u4
        doc: whether a buffer of the guest's was in use
  balloon:
    doc: a memory balloon
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/virtio/virtio-balloon.c vmstate_virtio_balloon_device
    seq:
      - id: num_pages
        type: u4
      - id: actual
        type: u4
      - id: free_page_report
        -orig-id: virtio-balloon-device/free-page-report
        type: free_page_report
        if: ahead_free_page_report.mark == 0x05 and ahead_free_page_report.name == "virtio-balloon-device/free-page-report"
      - id: page_poison
        -orig-id: virtio-balloon-device/page-poison
        type: page_poison
        if: ahead_page_poison.mark == 0x05 and ahead_page_poison.name == "virtio-balloon-device/page-poison"
    instances:
      ahead_free_page_report:
        pos: _io.pos
        type: subsection_ahead
      ahead_page_poison:
        pos: _io.pos
        type: subsection_ahead
  free_page_report:
    doc: the hint which pages are free
    seq:
      - id: head
        type: subsection_head(1)
      - id: free_page_hint_cmd_id
        type: u4
      - id: free_page_hint_status
        type: u4
  page_poison:
    doc: what the guest fills free pages with
    seq:
      - id: head
        type: subsection_head(1)
      - id: poison_val
        type: u4
  subsections:
    doc: what newer versions add, each only where it says something
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/virtio/virtio.c vmstate_virtio
    seq:
      - id: device_endian
        -orig-id: virtio/device_endian
        type: device_endian
        if: ahead_device_endian.mark == 0x05 and ahead_device_endian.name == "virtio/device_endian"
      - id: features_128bit
        -orig-id: virtio/128bit_features
        type: features_128bit
        if: ahead_features_128bit.mark == 0x05 and ahead_features_128bit.name == "virtio/128bit_features"
      - id: features_64bit
        -orig-id: virtio/64bit_features
        type: features_64bit
        if: ahead_features_64bit.mark == 0x05 and ahead_features_64bit.name == "virtio/64bit_features"
      - id: virtqueues
        -orig-id: virtio/virtqueues
        type: virtqueues
        if: ahead_virtqueues.mark == 0x05 and ahead_virtqueues.name == "virtio/virtqueues"
      - id: ringsize
        -orig-id: virtio/ringsize
        type: ringsize
        if: ahead_ringsize.mark == 0x05 and ahead_ringsize.name == "virtio/ringsize"
      - id: broken
        -orig-id: virtio/broken
        type: broken
        if: ahead_broken.mark == 0x05 and ahead_broken.name == "virtio/broken"
      - id: extra_state
        -orig-id: virtio/extra_state
        type: extra_state
        if: ahead_extra_state.mark == 0x05 and ahead_extra_state.name == "virtio/extra_state"
      - id: started
        -orig-id: virtio/started
        type: started
        if: ahead_started.mark == 0x05 and ahead_started.name == "virtio/started"
      - id: packed_virtqueues
        -orig-id: virtio/packed_virtqueues
        type: packed_virtqueues
        if: ahead_packed_virtqueues.mark == 0x05 and ahead_packed_virtqueues.name == "virtio/packed_virtqueues"
      - id: disabled
        -orig-id: virtio/disabled
        type: disabled
        if: ahead_disabled.mark == 0x05 and ahead_disabled.name == "virtio/disabled"
    instances:
      ahead_device_endian:
        pos: _io.pos
        type: subsection_ahead
      ahead_features_128bit:
        pos: _io.pos
        type: subsection_ahead
      ahead_features_64bit:
        pos: _io.pos
        type: subsection_ahead
      ahead_virtqueues:
        pos: _io.pos
        type: subsection_ahead
      ahead_ringsize:
        pos: _io.pos
        type: subsection_ahead
      ahead_broken:
        pos: _io.pos
        type: subsection_ahead
      ahead_extra_state:
        pos: _io.pos
        type: subsection_ahead
      ahead_started:
        pos: _io.pos
        type: subsection_ahead
      ahead_packed_virtqueues:
        pos: _io.pos
        type: subsection_ahead
      ahead_disabled:
        pos: _io.pos
        type: subsection_ahead
  device_endian:
    doc: "the device's byte order"
    seq:
      - id: head
        type: subsection_head(1)
      - id: device_endian
        type: u1
  features_128bit:
    doc: features from the 64th bit on
    seq:
      - id: head
        type: subsection_head(1)
      - id: guest_features_ex_1
        -orig-id: guest_features_ex[1]
        type: u8
  features_64bit:
    doc: all 64 bits of the features
    seq:
      - id: head
        type: subsection_head(1)
      - id: guest_features
        type: u8
  virtqueues:
    doc: where the rings of each queue lie (virtio 1.0)
    seq:
      - id: head
        type: subsection_head(1)
      - id: vq
        type: queue_rings
        repeat: expr
        repeat-expr: 1024
  ringsize:
    doc: how long the ring of each queue could be
    seq:
      - id: head
        type: subsection_head(1)
      - id: vring_num_default
        -orig-id: vring.num_default
        type: u4
        repeat: expr
        repeat-expr: 1024
  broken:
    doc: whether the device has given up
    seq:
      - id: head
        type: subsection_head(1)
      - id: broken
        type: u1
  extra_state:
    doc: what the bus adds
    seq:
      - id: head
        type: subsection_head(1)
      - id: modern_state
        -orig-id: virtio_pci/modern_state
        type: modern_state
        if: ahead_modern_state.mark == 0x05 and ahead_modern_state.name == "virtio_pci/modern_state"
      - id: features128
        -orig-id: virtio_pci/modern_state/features128
        type: features128
        if: ahead_features128.mark == 0x05 and ahead_features128.name == "virtio_pci/modern_state/features128"
    instances:
      ahead_modern_state:
        pos: _io.pos
        type: subsection_ahead
      ahead_features128:
        pos: _io.pos
        type: subsection_ahead
  started:
    doc: whether the device had been started
    seq:
      - id: head
        type: subsection_head(1)
      - id: started
        type: u1
  packed_virtqueues:
    doc: packed rings of each queue
    seq:
      - id: head
        type: subsection_head(1)
      - id: vq
        type: packed_queue
        repeat: expr
        repeat-expr: 1024
  disabled:
    doc: whether the device was switched off
    seq:
      - id: head
        type: subsection_head(1)
      - id: disabled
        type: u1
  queue_rings:
    doc: the rings of one queue
    seq:
      - id: vring_avail
        -orig-id: vring.avail
        type: u8
      - id: vring_used
        -orig-id: vring.used
        type: u8
  packed_queue:
    doc: a packed ring
    seq:
      - id: last_avail_idx
        type: u2
      - id: last_avail_wrap_counter
        type: u1
      - id: used_idx
        type: u2
      - id: used_wrap_counter
        type: u1
      - id: inuse
        type: u4
  modern_state:
    doc: "virtio 1.0's registers on PCI"
    seq:
      - id: head
        type: subsection_head(1)
      - id: dfselect
        type: u4
      - id: gfselect
        type: u4
      - id: guest_features
        type: u4
        repeat: expr
        repeat-expr: 2
      - id: vqs
        type: modern_queue
        repeat: expr
        repeat-expr: 1024
  features128:
    doc: the features from the 64th bit on, as the guest selected them
    seq:
      - id: head
        type: subsection_head(1)
      - id: guest_features
        type: u4
        repeat: expr
        repeat-expr: 2
  modern_queue:
    doc: "a queue in virtio 1.0's registers"
    seq:
      - id: num
        type: u2
      - id: unused
        type: u1
      - id: enabled
        type: u1
      - id: desc
        type: u4
        repeat: expr
        repeat-expr: 2
      - id: avail
        type: u4
        repeat: expr
        repeat-expr: 2
      - id: used
        type: u4
        repeat: expr
        repeat-expr: 2
