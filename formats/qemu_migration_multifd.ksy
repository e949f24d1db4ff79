meta:
  id: qemu_migration_multifd
  title: QEMU migration, a multifd channel
  application: QEMU
  file-extension: fwd
  license: CC0-1.0
  ks-version: 0.11
  encoding: UTF-8
  endian: be
  imports:
    - qemu_migration_extent
doc: |
  With the capability `multifd`, pages travel on several channels beside the main one. A channel opens with whose
  it is and which; then come packets, up to the channel's end. A packet holds pages of one RAM block or, since
  QEMU 10.0, a piece of a device's state.

  Pages have no order between channels, except by packets with `is_sync`: all that was sent before them, on any
  channel, is older than all that comes after. There is one on each channel, and a `multifd_flush` record on the main
  one; for machine types up to 8.0 the end of each RAM section stands for that record.
doc-ref:
  - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/multifd.h
  - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/multifd.c multifd_recv_thread
params:
  - id: page_size
    type: u4
    doc: size of a target page in bytes
seq:
  - id: page_size_known
    size: 0
    valid:
      expr: page_size >= 256 and page_size <= 0x80000 and (page_size & (page_size - 1)) == 0
    doc: no bytes; without the page size a packet can't be read
  - id: initial
    -orig-id: MultiFDInit_t
    type: initial
  - id: packets
    type: packet
    repeat: eos
instances:
  num_slots:
    value: 0x80000 / page_size
    -orig-id: MULTIFD_PACKET_SIZE
    doc: how many pages a packet has room for, whether they are there or not
types:
  initial:
    doc: "the first bytes of a channel: whose it is, and its number"
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/multifd.c multifd_send_initial_packet
    seq:
      - id: magic
        -orig-id: MULTIFD_MAGIC
        contents: [0x11, 0x22, 0x33, 0x44]
      - id: version
        -orig-id: MULTIFD_VERSION
        type: u4
        valid: 1
      - id: uuid
        size: 16
        doc: the guest's UUID; all zero if it was given none
      - id: channel_id
        -orig-id: id
        type: u1
        doc: number of the channel, from 0
      - id: unused
        size: 39
        doc: reserved
  packet:
    doc: "pages, or a piece of a device's state, or nothing but a mark"
    seq:
      - id: magic
        -orig-id: MULTIFD_MAGIC
        contents: [0x11, 0x22, 0x33, 0x44]
      - id: version
        -orig-id: MULTIFD_VERSION
        type: u4
        valid: 1
      - id: flags
        -orig-id: MULTIFD_FLAG_*
        type: u4
      - id: body
        type:
          switch-on: is_device_state
          cases:
            true: device_state
            false: pages
    instances:
      is_sync:
        value: (flags & 0x01) != 0
        -orig-id: MULTIFD_FLAG_SYNC
        doc: everything before this packet, on all channels, is older than everything after it
      compression:
        value: flags & 0x3e
        enum: compression
        -orig-id: MULTIFD_FLAG_COMPRESSION_MASK
      is_device_state:
        value: (flags & 0x40) != 0
        -orig-id: MULTIFD_FLAG_DEVICE_STATE
  pages:
    -orig-id: MultiFDPacket_t
    doc: |
      Pages of one RAM block. Up to QEMU 8.2 `num_zero` was reserved, and zero; pages of zeros were in records of the
      main channel then.
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/multifd-nocomp.c multifd_ram_unfill_packet
    seq:
      - id: num_alloc
        -orig-id: pages_alloc
        type: u4
        valid:
          max: _root.num_slots
        doc: how many pages the source has room for in a packet
      - id: num_normal
        -orig-id: normal_pages
        type: u4
        valid:
          max: _root.num_slots
        doc: number of pages with content
      - id: len_packed
        -orig-id: next_packet_size
        type: u4
        doc: |
          length of the pages' content in bytes as it is sent; in a packet without pages it can be that of an
          earlier packet, and means nothing
      - id: packet_num
        type: u8
        doc: number of the packet, counted over all channels
      - id: num_zero
        -orig-id: zero_pages
        type: u4
        valid:
          max: _root.num_slots - num_normal
        doc: number of pages that are all zero, which have no content
      - id: unused
        size: 28
        doc: reserved
      - id: block_name
        -orig-id: ramblock
        size: 256
        type: strz
        doc: name of the RAM block; may be empty if the packet has no pages
      - id: offsets
        -orig-id: offset
        type: u8
        repeat: expr
        repeat-expr: _root.num_slots
        doc: |
          addresses in the block in bytes, first of the pages with content, then of those that are all zero; what is
          in further slots means nothing
      - id: pages
        type: qemu_migration_extent(_root.page_size)
        repeat: expr
        repeat-expr: num_normal
        if: not is_packed
        doc: content of the pages, in the order of `offsets`
      - id: packed
        type: qemu_migration_extent(len_packed)
        if: is_packed
        doc: |
          the next piece of the one compressed stream of this channel, which gives `num_normal` pages; with `qpl`,
          `uadk` and `qatzip` in the format of that accelerator
    instances:
      is_packed:
        value: _parent.compression != compression::none and num_normal != 0
  device_state:
    -orig-id: MultiFDPacketDeviceState_t
    doc: A piece of a device's state.
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/multifd-device-state.c multifd_device_state_fill_packet
    seq:
      - id: idstr
        size: 256
        type: strz
        doc: path and name of the device, as in its sections on the main channel
      - id: instance_id
        type: u4
        doc: distinguishes devices of one `idstr`
      - id: len_state
        -orig-id: next_packet_size
        type: u4
      - id: vfio
        type: vfio_head
        if: is_vfio
      - id: state
        type: qemu_migration_extent(len_state - len_head)
        doc: the piece itself; its head, if it has one, lies before it
    instances:
      is_vfio:
        value: |
          len_state >= 12 and (idstr == "vfio"
          or idstr.length >= 5 and idstr.substring(idstr.length - 5, idstr.length) == "/vfio")
        doc: the piece opens with its address; one that is too short for that is refused by QEMU
      len_head:
        value: 'is_vfio ? 12 : 0'
  vfio_head:
    -orig-id: VFIODeviceStatePacket
    doc: where a piece of a VFIO device's state belongs
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/vfio/migration-multifd.c VFIODeviceStatePacket
    seq:
      - id: version
        type: u4
        doc: 0
      - id: idx
        type: u4
        doc: index of the piece in the order of all, from 0
      - id: flags
        type: u4
    instances:
      is_config:
        value: (flags & 0x01) != 0
        -orig-id: VFIO_DEVICE_STATE_CONFIG_STATE
        doc: the last piece, which is the configuration, as a `full` section has it without multifd
enums:
  compression:
    0x00:
      id: none
      -orig-id: MULTIFD_FLAG_NOCOMP
      doc: pages as they are
    0x02:
      id: zlib
      -orig-id: MULTIFD_FLAG_ZLIB
      doc: deflate, one stream a channel
    0x04:
      id: zstd
      -orig-id: MULTIFD_FLAG_ZSTD
      doc: zstd, one stream a channel
    0x08:
      id: qpl
      -orig-id: MULTIFD_FLAG_QPL
      doc: deflate, by an accelerator of Intel
    0x10:
      id: uadk
      -orig-id: MULTIFD_FLAG_UADK
      doc: zlib, by an accelerator of Kunpeng
    0x20:
      id: qatzip
      -orig-id: MULTIFD_FLAG_QATZIP
      doc: by QuickAssist of Intel
