meta:
  id: scsi_requests
  title: Requests of a SCSI device in flight
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: 0.11
  endian: be
  imports:
    - virtqueue_element
doc: |
  A VM that was paused on an I/O error and saved has such requests. What of a request follows the part that all have in
  common depends on the host adapter, and on the device.
doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/scsi/scsi-bus.c put_scsi_requests
params:
  - id: adapter
    type: u4
    doc: 1 for virtio-scsi, 2 for mptsas, 3 for spapr_vscsi, 0 for all that save nothing
  - id: has_sectors
    type: bool
    doc: whether the device is a disk of QEMU's; otherwise it is passed through
seq:
  - id: request
    type: request
    repeat: until
    repeat-until: _.mark == 0
types:
  request:
    doc: a request, or the end of their list
    seq:
      - id: mark
        type: u1
        valid:
          max: 2
        doc: 1 for a request that is to be tried again, 2 for any other
      - id: cdb
        size: 16
        if: mark != 0
      - id: tag
        type: u4
        if: mark != 0
      - id: lun
        type: u4
        if: mark != 0
      - id: virtio_scsi
        -orig-id: virtio-scsi
        type: virtio_scsi
        if: mark != 0 and _parent.adapter == 1
      - id: mptsas
        type: mptsas
        if: mark != 0 and _parent.adapter == 2
      - id: spapr_vscsi
        type: spapr_vscsi
        if: mark != 0 and _parent.adapter == 3
      - id: mark_device
        size: 0
        if: ofs_device >= 0
        doc: no bytes; makes the parser keep the position
      - id: disk
        type: disk(is_to_device, mark == 1)
        if: mark != 0 and _parent.has_sectors and (is_dma or (next_mark == 0 and _io.size - ofs_device > 16))
      - id: passthrough
        type: passthrough(is_to_device)
        if: mark != 0 and not _parent.has_sectors
    instances:
      ofs_device:
        value: _io.pos
      opcode:
        value: cdb[0].as<u1>
      is_dma:
        value: |
          opcode == 0x08 or opcode == 0x28 or opcode == 0xa8 or opcode == 0x88 or opcode == 0x0a or opcode == 0x2a
          or opcode == 0xaa or opcode == 0x8a or opcode == 0x2e or opcode == 0xae or opcode == 0x8e
        doc: READ, WRITE and WRITE AND VERIFY
      next_mark:
        pos: ofs_device
        type: u1
        if: ofs_device < _io.size
        doc: |
          Machine types up to 10.0 save nothing of what a disk does without reading or writing sectors. Then the mark of
          the next request is here, or the end; else the number of a sector, of which the uppermost byte is 0.
      is_to_device:
        value: |
          opcode == 0xa1 or opcode == 0x85 ? (cdb[2].as<u1> & 0x08) == 0
          : opcode == 0x04 or opcode == 0x07 or opcode == 0x0a or opcode == 0x15 or opcode == 0x18 or opcode == 0x1b
          or opcode == 0x1d or opcode == 0x24 or opcode == 0x2a or opcode == 0x2e or opcode == 0x2f or opcode == 0x30
          or opcode == 0x31 or opcode == 0x32 or opcode == 0x38 or opcode == 0x39 or opcode == 0x3a or opcode == 0x3b
          or opcode == 0x3d or opcode == 0x3f or opcode == 0x40 or opcode == 0x41 or opcode == 0x42 or opcode == 0x4c
          or opcode == 0x55 or opcode == 0x5d or opcode == 0x5f or opcode == 0x8a or opcode == 0x8e or opcode == 0x8f
          or opcode == 0x93 or opcode == 0xa4 or opcode == 0xaa or opcode == 0xae or opcode == 0xaf or opcode == 0xb0
          or opcode == 0xb1 or opcode == 0xb2 or opcode == 0xb6 or opcode == 0xbf
        doc: whether the command's data goes to the device (scsi-bus.c, scsi_cmd_xfer_mode)
  disk:
    doc: where a disk is in its work, and the data that it has at hand
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/scsi/scsi-disk.c scsi_disk_save_request
    params:
      - id: is_to_device
        type: bool
      - id: is_to_be_retried
        type: bool
    seq:
      - id: sector
        type: u8
      - id: sector_count
        type: u4
      - id: buflen
        type: u4
      - id: iov_len
        type: u4
        if: has_result
      - id: data
        size: 'has_result ? iov_len : sector_count * 512 < buflen ? sector_count * 512 : buflen'
        if: buflen != 0 and (is_to_device or not is_to_be_retried)
    instances:
      has_result:
        value: buflen != 0 and not is_to_device and not is_to_be_retried
  passthrough:
    doc: the data of a command to a device that is passed through
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/scsi/scsi-generic.c scsi_generic_save_request
    params:
      - id: is_to_device
        type: bool
    seq:
      - id: buflen
        type: s4
      - id: data
        size: buflen
        if: buflen > 0 and is_to_device
  virtio_scsi:
    doc: the request of the guest
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/scsi/virtio-scsi.c virtio_scsi_save_request
    seq:
      - id: queue
        type: u4
        valid:
          max: 1023
      - id: element
        type: virtqueue_element
  mptsas:
    doc: the request of the guest, and where its data lies
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/scsi/mptsas.c mptsas_save_request
    seq:
      - id: scsi_io
        type: mpi_scsi_io
      - id: nsg
        type: u4
      - id: sg
        type: segment
        repeat: expr
        repeat-expr: nsg
  segment:
    doc: a run of guest memory
    seq:
      - id: base
        type: u8
      - id: len
        type: u8
  mpi_scsi_io:
    doc: the adapter's message, as it lies in the memory of a little-endian host
    seq:
      - id: targetid
        -orig-id: TargetID
        type: u1
      - id: bus
        -orig-id: Bus
        type: u1
      - id: chainoffset
        -orig-id: ChainOffset
        type: u1
      - id: function
        -orig-id: Function
        type: u1
      - id: cdblength
        -orig-id: CDBLength
        type: u1
      - id: sensebufferlength
        -orig-id: SenseBufferLength
        type: u1
      - id: reserved
        -orig-id: Reserved
        type: u1
      - id: msgflags
        -orig-id: MsgFlags
        type: u1
      - id: msgcontext
        -orig-id: MsgContext
        type: u4le
      - id: lun
        -orig-id: LUN
        size: 8
      - id: control
        -orig-id: Control
        type: u4le
      - id: cdb
        -orig-id: CDB
        size: 16
      - id: datalength
        -orig-id: DataLength
        type: u4le
      - id: sensebufferlowaddr
        -orig-id: SenseBufferLowAddr
        type: u4le
  spapr_vscsi:
    doc: the request of a POWER guest
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/scsi/spapr_vscsi.c vmstate_spapr_vscsi_req
    seq:
      - id: crq_raw
        -orig-id: crq.raw
        size: 16
      - id: viosrp_iu_buf
        size: 256
      - id: qtag
        type: u4
      - id: active
        type: u1
      - id: data_len
        type: u4
      - id: writing
        type: u1
      - id: senselen
        type: u4
      - id: sense
        size: 252
      - id: dma_fmt
        type: u1
      - id: local_desc
        type: u2
      - id: total_desc
        type: u2
      - id: cdb_offset
        type: u2
