meta:
  id: qemu_migration_vfio
  title: QEMU migration stream, payload of a vfio section
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: 0.11
  endian: be
  imports:
    - qemu_migration_extent
doc: |
  A device that is passed through to the guest. Its hardware reports its state, and only its vendor knows what it means.
  What QEMU adds is the configuration, the last of its sections: a VMState of the PCI device, of which nothing here
  says how long it is; it ends where the flag `end_of_state` stands.

  With multifd, the state is in packets of other channels, and only flags are here.
doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/vfio/migration.c vfio_load_state
params:
  - id: is_full
    type: bool
    doc: the payload is that of a `full` section
seq:
  - id: records
    type: record(is_full)
    repeat: until
    repeat-until: _.is_last
types:
  record:
    doc: a flag, and what it says that follows
    params:
      - id: is_full
        type: bool
    seq:
      - id: word
        size: 8
        valid:
          expr: |
            word == [0xff, 0xff, 0xff, 0xff, 0xef, 0x10, 0x00, 0x01]
            or word == [0xff, 0xff, 0xff, 0xff, 0xef, 0x10, 0x00, 0x02]
            or word == [0xff, 0xff, 0xff, 0xff, 0xef, 0x10, 0x00, 0x03]
            or word == [0xff, 0xff, 0xff, 0xff, 0xef, 0x10, 0x00, 0x04]
            or word == [0xff, 0xff, 0xff, 0xff, 0xef, 0x10, 0x00, 0x05]
            or word == [0xff, 0xff, 0xff, 0xff, 0xef, 0x10, 0x00, 0x06]
        doc: a 64-bit number; as bytes, since JavaScript's numbers could not distinguish the flags
      - id: body
        type:
          switch-on: flag
          cases:
            flag::dev_config_state: config
            flag::dev_data_state: data
      - id: end
        -orig-id: VFIO_MIG_FLAG_END_OF_STATE
        contents: [0xff, 0xff, 0xff, 0xff, 0xef, 0x10, 0x00, 0x01]
        if: flag == flag::dev_setup_state or flag == flag::dev_config_state
    instances:
      flag:
        value: word[7]
        enum: flag
        -orig-id: VFIO_MIG_FLAG_*
      is_last:
        value: flag != flag::dev_data_state and (flag != flag::dev_config_state or is_full)
        doc: |
          nothing follows in this section; QEMU 5.2 put the configuration into the `end` section, with data after it
  data:
    doc: "a piece of the device's state"
    seq:
      - id: len_data
        -orig-id: data_size
        type: u8
      - id: data
        type: qemu_migration_extent(len_data)
  config:
    doc: "the device's configuration, up to the end mark"
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/vfio/pci.c vmstate_vfio_pci_config
    seq:
      - id: pieces
        type: piece
        repeat: until
        repeat-until: _.is_last
        doc: together they are the configuration
  piece:
    doc: bytes up to one that may begin the flag that ends them; with that byte, if it does not
    seq:
      - id: bytes
        terminator: 0xff
        consume: false
      - id: no_end
        contents: [0xff]
        if: not is_last
    instances:
      ahead:
        pos: _io.pos
        size: 8
        if: _io.size - _io.pos >= 8
      is_last:
        value: |
          _io.size - _io.pos >= 8 and ahead == [0xff, 0xff, 0xff, 0xff, 0xef, 0x10, 0x00, 0x01]
enums:
  flag:
    0x01:
      id: end_of_state
      -orig-id: VFIO_MIG_FLAG_END_OF_STATE
      doc: ends the section, or what the flag before it began
    0x02:
      id: dev_config_state
      -orig-id: VFIO_MIG_FLAG_DEV_CONFIG_STATE
      doc: the configuration follows
    0x03:
      id: dev_setup_state
      -orig-id: VFIO_MIG_FLAG_DEV_SETUP_STATE
      doc: the device is ready to give its state; nothing follows but the end
    0x04:
      id: dev_data_state
      -orig-id: VFIO_MIG_FLAG_DEV_DATA_STATE
      doc: a piece of the device's state follows
    0x05:
      id: dev_init_data_sent
      -orig-id: VFIO_MIG_FLAG_DEV_INIT_DATA_SENT
      doc: the initial data was sent, the destination may agree to the switchover; ends the section
    0x06:
      id: dev_config_load_ready
      -orig-id: VFIO_MIG_FLAG_DEV_CONFIG_LOAD_READY
      doc: the configuration that came over multifd may be loaded now; ends the section
