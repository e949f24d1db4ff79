meta:
  id: virtio
  title: State of a virtio device
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: 0.11
  endian: be
  imports:
    - backend_chunk
    - msix_table
    - pci_config
    - subsection_ahead
    - subsection_head
    - virtqueue_element
doc: |
  A virtio device writes its state with code of its own, of which the description knows nothing but the length: the
  transport's part, the queues, the device's own part, and subsections.
doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/virtio/virtio.c virtio_save
params:
  - id: len_field
    type: u4
    doc: length in bytes, as the description tells it
  - id: kind
    type: u4
    doc: |
      Which device it is, by the numbers of the virtio standard; 0 for all that have nothing of their own. The
      description tells it by its name; a memory-mapped device does not say it.
seq:
  - id: mark_start
    size: 0
    if: ofs_start >= 0
    doc: no bytes; makes the parser keep the position
  - id: state
    size: len_field
    if: not is_known
  - id: device
    type: device(transport, kind)
    size: len_field
    if: is_known
instances:
  ofs_start:
    value: _io.pos
    doc: offset of the first byte
  ahead:
    pos: ofs_start
    type: ahead
    if: len_field >= 16
  transport:
    value: |
      len_field < 16 ? 0
      : ahead.word == 2 and ahead.vendor_id == 0x1af4 ? 1 : (ahead.word >> 24) == 0xfe ? 2 : ahead.word < 2 ? 3 : 0
    doc: 1 for PCI, 2 for the s390x channel subsystem, 3 for memory-mapped registers
  is_known:
    value: transport != 0
types:
  ahead:
    doc: what tells the transport, read without moving on
    seq:
      - id: word
        type: u4
      - id: vendor_id
        type: u2le
  device:
    doc: the whole state
    params:
      - id: transport
        type: u4
      - id: kind
        type: u4
    seq:
      - id: pci
        type: pci
        if: transport == 1
      - id: ccw
        type: ccw
        if: transport == 2
      - id: mmio
        type: mmio
        if: transport == 3
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
        type: queue(transport == 3, has_vector)
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
            23: iommu
            24: memory
            33: security_module
      - id: subsections
        type: subsections
    instances:
      has_vector:
        value: 'transport == 1 ? pci.has_vectors : transport == 2'
  pci:
    doc: what the PCI bus knows of the device
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/virtio/virtio-pci.c virtio_pci_save_config
    seq:
      - id: pci_dev
        type: pci_dev
      - id: config_vector
        type: u2
        if: has_vectors
    instances:
      has_vectors:
        value: pci_dev.config.conventional.num_msix_vectors != 0
  pci_dev:
    doc: the device on the bus
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/pci/pci.c vmstate_pci_device
    seq:
      - id: version_id
        type: s4
      - id: config
        type: config_space
      - id: irq_state
        type: u4
        repeat: expr
        repeat-expr: 4
        doc: levels of the interrupt lines
      - id: msix
        type: msix_table(config.conventional.num_msix_vectors)
        if: config.conventional.num_msix_vectors != 0
  config_space:
    doc: configuration space, which is 4096 bytes long if the capability PCI Express is in its list, else 256
    seq:
      - id: conventional
        size: 256
        type: pci_config
      - id: extended_registers
        size: 3840
        if: conventional.is_express
  mmio:
    doc: registers in memory
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/virtio/virtio-mmio.c virtio_mmio_save_config
    seq:
      - id: host_features_sel
        type: u4
      - id: guest_features_sel
        type: u4
      - id: guest_page_shift
        type: u4
  ccw:
    doc: the s390x channel subsystem
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/s390x/virtio-ccw.c vmstate_virtio_ccw_dev
    seq:
      - id: parent_obj
        type: ccw_device
      - id: indicators
        type: indicator
      - id: indicators2
        type: indicator
      - id: summary_indicator
        type: indicator
      - id: config_vector
        type: u2
      - id: routes
        type: adapter_routes
      - id: thinint_isc
        type: u1
      - id: revision
        type: s4
  ccw_device:
    doc: a device of the channel subsystem
    seq:
      - id: sch
        type: subchannel
  indicator:
    doc: where the device tells of an interrupt
    seq:
      - id: len
        type: s4
      - id: addr
        type: u8
  adapter_routes:
    doc: where interrupts of the adapter go
    seq:
      - id: adapter
        type: adapter
  adapter:
    doc: an adapter
    seq:
      - id: ind_offset
        type: u8
      - id: summary_offset
        type: summary_offset
        -orig-id: s390_adapter_info/summary_offset
        if: ahead_summary_offset.mark == 0x05 and ahead_summary_offset.name == "s390_adapter_info/summary_offset"
    instances:
      ahead_summary_offset:
        pos: _io.pos
        type: subsection_ahead
  summary_offset:
    doc: where the summary lies
    seq:
      - id: head
        type: subsection_head(1)
      - id: summary_offset
        type: u4
  subchannel:
    doc: a subchannel
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/s390x/css.c vmstate_subch_dev
    seq:
      - id: cssid
        type: u1
      - id: ssid
        type: u1
      - id: migrated_schid
        type: u2
      - id: devno
        type: u2
      - id: thinint_active
        type: u1
      - id: curr_status
        type: schib
      - id: sense_data
        type: u1
        repeat: expr
        repeat-expr: 32
      - id: channel_prog
        type: u8
      - id: last_cmd
        type: ccw1
      - id: last_cmd_valid
        type: u1
      - id: id
        type: sense_id
      - id: ccw_fmt_1
        type: u1
      - id: ccw_no_data_cnt
        type: u1
      - id: orb
        type: subchannel_orb
        -orig-id: s390_subch_dev/orb
        if: ahead_orb.mark == 0x05 and ahead_orb.name == "s390_subch_dev/orb"
    instances:
      ahead_orb:
        pos: _io.pos
        type: subsection_ahead
  schib:
    doc: subchannel information block
    seq:
      - id: pmcw
        type: pmcw
      - id: scsw
        type: scsw
      - id: mba
        type: u8
      - id: mda
        type: u1
        repeat: expr
        repeat-expr: 4
  pmcw:
    doc: path management control word
    seq:
      - id: intparm
        type: u4
      - id: flags
        type: u2
      - id: devno
        type: u2
      - id: lpm
        type: u1
      - id: pnom
        type: u1
      - id: lpum
        type: u1
      - id: pim
        type: u1
      - id: mbi
        type: u2
      - id: pom
        type: u1
      - id: pam
        type: u1
      - id: chpid
        type: u1
        repeat: expr
        repeat-expr: 8
      - id: chars
        type: u4
  scsw:
    doc: subchannel status word
    seq:
      - id: flags
        type: u2
      - id: ctrl
        type: u2
      - id: cpa
        type: u4
      - id: dstat
        type: u1
      - id: cstat
        type: u1
      - id: count
        type: u2
  ccw1:
    doc: a channel command word
    seq:
      - id: cmd_code
        type: u1
      - id: flags
        type: u1
      - id: count
        type: u2
      - id: cda
        type: u4
  sense_id:
    doc: what the device says it is
    seq:
      - id: reserved
        type: u1
      - id: cu_type
        type: u2
      - id: cu_model
        type: u1
      - id: dev_type
        type: u2
      - id: dev_model
        type: u1
      - id: unused
        type: u1
      - id: ciw
        type: ciw
        repeat: expr
        repeat-expr: 62
  ciw:
    doc: a command information word
    seq:
      - id: type
        type: u1
      - id: command
        type: u1
      - id: count
        type: u2
  subchannel_orb:
    doc: the operation request block, in a subsection
    seq:
      - id: head
        type: subsection_head(1)
      - id: orb
        type: orb
  orb:
    doc: an operation request block
    seq:
      - id: intparm
        type: u4
      - id: ctrl0
        type: u2
      - id: lpm
        type: u1
      - id: ctrl1
        type: u1
      - id: cpa
        type: u4
  queue:
    doc: a virtqueue, as it was before virtio 1.0
    params:
      - id: has_align
        type: bool
      - id: has_vector
        type: bool
    seq:
      - id: vring_num
        -orig-id: vring.num
        type: u4
      - id: vring_align
        -orig-id: vring.align
        type: u4
        if: has_align
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
      - id: mark_pairs
        size: 0
        if: ofs_pairs >= 0
        doc: no bytes; makes the parser keep the position
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
        if: has_offloads
      - id: rss
        -orig-id: virtio-net-device/rss
        type: rss
        if: ahead_rss.mark == 0x05 and ahead_rss.name == "virtio-net-device/rss"
      - id: backend
        -orig-id: virtio-net-device/backend
        type: backend
        if: ahead_backend.mark == 0x05 and ahead_backend.name == "virtio-net-device/backend"
    instances:
      has_offloads:
        value: (_parent.guest_features_lo & 0x04) != 0
      ofs_pairs:
        value: _io.pos
      after_offloads:
        pos: 'ofs_pairs + (has_offloads ? 8 : 0)'
        type: subsection_ahead
        if: 'ofs_pairs + (has_offloads ? 8 : 0) < _io.size'
      has_queue_pairs:
        value: |
          ofs_pairs + (has_offloads ? 8 : 0) < _io.size
          and (after_offloads.mark != 0x05 or after_offloads.raw.size < 7 or after_offloads.name.substring(0, 6) != "virtio")
        doc: |
          A device that was made with several pairs of queues has them. Its configuration tells that only after the
          guest has read it; so what follows has to.
      ahead_rss:
        pos: _io.pos
        type: subsection_ahead
      ahead_backend:
        pos: _io.pos
        type: subsection_ahead
  rss:
    doc: receive-side scaling
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/net/virtio-net.c vmstate_virtio_net_rss
    seq:
      - id: head
        type: subsection_head_of_any_version
      - id: enabled
        type: u1
      - id: redirect
        type: u1
      - id: populate_hash
        type: u1
      - id: runtime_hash_types
        type: u4
      - id: supported_hash_types
        type: u4
        if: head.version_id > 1
      - id: indirections_len
        type: u2
      - id: default_queue
        type: u2
      - id: key
        type: u1
        repeat: expr
        repeat-expr: 40
      - id: indirections_table
        type: u2
        repeat: expr
        repeat-expr: indirections_len
  backend:
    doc: the state of the vhost-user back end
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/virtio/vhost.c vhost_save_backend_state
    seq:
      - id: head
        type: subsection_head(0)
      - id: backend
        type: backend_chunk
        repeat: until
        repeat-until: _.len_data == 0
  subsection_head_of_any_version:
    doc: the head of a subsection that has several versions
    seq:
      - id: mark
        type: u1
      - id: len_name
        type: u1
      - id: name
        size: len_name
      - id: version_id
        type: u4
  block:
    doc: a disk
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/block/virtio-blk.c virtio_blk_save_device
    seq:
      - id: requests
        type: block_request
        repeat: until
        repeat-until: _.present == 0
  block_request:
    doc: a request in flight, or the end of their list
    seq:
      - id: present
        type: u1
      - id: vq
        type: u4
        if: present != 0 and _parent._parent.as<device>.num_queues > 1
      - id: element
        type: virtqueue_element
        if: present != 0
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
        doc: as it lies in configuration space; swapped if the guest is big-endian
      - id: ports_map
        type: u4
        repeat: expr
        repeat-expr: (num_ports + 31) / 32
      - id: nr_active_ports
        type: u4
      - id: ports
        type: port
        repeat: expr
        repeat-expr: nr_active_ports
    instances:
      num_ports:
        value: |
          max_nr_ports <= 511 ? max_nr_ports : (max_nr_ports >> 24) + ((max_nr_ports >> 8) & 0xff00)
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
      - id: iov_idx
        type: u4
        if: elem_popped != 0
      - id: iov_offset
        type: u8
        if: elem_popped != 0
      - id: element
        type: virtqueue_element
        if: elem_popped != 0
  iommu:
    doc: an IOMMU, with the addresses that it translates
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/virtio/virtio-iommu.c vmstate_virtio_iommu_device
    seq:
      - id: domains_nnodes
        type: u4
      - id: domains
        type: domain
        repeat: until
        repeat-until: _.present == 0
      - id: config_bypass
        type: u1
        -orig-id: config.bypass
  domain:
    doc: a domain, or the end of their list
    seq:
      - id: present
        type: u1
      - id: key
        type: u8
        if: present != 0
      - id: id
        type: u4
        if: present != 0
      - id: mappings_nnodes
        type: u4
        if: present != 0
      - id: mappings
        type: mapping
        repeat: until
        repeat-until: _.present == 0
        if: present != 0
      - id: endpoint_list
        type: endpoint
        repeat: until
        repeat-until: _.present == 0
        if: present != 0
      - id: bypass
        type: u1
        if: present != 0
  mapping:
    doc: a range of addresses, or the end of their list
    seq:
      - id: present
        type: u1
      - id: low
        type: u8
        if: present != 0
      - id: high
        type: u8
        if: present != 0
      - id: phys_addr
        type: u8
        if: present != 0
      - id: flags
        type: u4
        if: present != 0
  endpoint:
    doc: an endpoint, or the end of their list
    seq:
      - id: present
        type: u1
      - id: id
        type: u4
        if: present != 0
  memory:
    doc: memory that can be plugged and unplugged; machine types from 8.0 on tell most of it before RAM
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/virtio/virtio-mem.c vmstate_virtio_mem_device
    seq:
      - id: mark_start
        size: 0
        if: ofs_start >= 0
        doc: no bytes; makes the parser keep the position
      - id: addr
        type: u8
        if: is_whole
      - id: region_size
        type: u8
        if: is_whole
      - id: block_size
        type: u8
        if: is_whole
      - id: node
        type: u4
        if: is_whole
      - id: usable_region_size
        type: u8
      - id: size
        type: u8
        if: is_whole
      - id: requested_size
        type: u8
      - id: bitmap
        type: u8
        repeat: expr
        repeat-expr: (region_size / block_size + 63) / 64
        if: is_whole
    instances:
      ofs_start:
        value: _io.pos
      after_two:
        pos: ofs_start + 16
        type: subsection_ahead
        if: ofs_start + 16 < _io.size
      is_whole:
        value: |
          ofs_start + 16 < _io.size
          and (after_two.mark != 0x05 or after_two.raw.size < 7 or after_two.name.substring(0, 6) != "virtio")
  security_module:
    doc: a Nitro security module
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/virtio/virtio-nsm.c vmstate_virtio_nsm_device
    seq:
      - id: pcrs
        type: platform_register
        repeat: expr
        repeat-expr: 32
  platform_register:
    doc: a platform configuration register
    seq:
      - id: locked
        type: u1
      - id: data
        type: u1
        repeat: expr
        repeat-expr: 48
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
      - id: mmio_state
        -orig-id: virtio_mmio/state
        type: mmio_state
        if: ahead_mmio_state.mark == 0x05 and ahead_mmio_state.name == "virtio_mmio/state"
    instances:
      ahead_modern_state:
        pos: _io.pos
        type: subsection_ahead
      ahead_mmio_state:
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
      - id: features128
        -orig-id: virtio_pci/modern_state/features128
        type: features128
        if: ahead_features128.mark == 0x05 and ahead_features128.name == "virtio_pci/modern_state/features128"
    instances:
      ahead_features128:
        pos: _io.pos
        type: subsection_ahead
  mmio_state:
    doc: "virtio 1.0's registers in memory"
    seq:
      - id: head
        type: subsection_head(1)
      - id: guest_features
        type: u4
        repeat: expr
        repeat-expr: 2
      - id: vqs
        type: mmio_queue
        repeat: expr
        repeat-expr: 1024
  mmio_queue:
    doc: "a queue in virtio 1.0's registers in memory"
    seq:
      - id: num
        type: u2
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
