meta:
  id: qemu_migration_command
  title: QEMU migration stream, command record
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: 0.11
  encoding: UTF-8
  endian: be
doc: |
  What the source orders the destination to do, after the record's type byte. A command lies wholly in its
  argument; what `packaged` announces follows it.
doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c loadvm_process_command
seq:
  - id: command
    -orig-id: cmd
    type: u2
    enum: command
    valid:
      in-enum: true
  - id: len_argument
    -orig-id: len
    type: u2
    valid:
      expr: |
        (command != command::open_return_path or _ == 0)
        and (command != command::ping or _ == 4)
        and (command != command::postcopy_advise or _ == 0 or _ == 16)
        and (command != command::postcopy_listen or _ == 0)
        and (command != command::postcopy_run or _ == 0)
        and (command != command::postcopy_ram_discard or _ >= 20)
        and (command != command::packaged or _ == 4)
        and (command != command::enable_colo or _ == 0)
        and (command != command::postcopy_resume or _ == 0)
        and (command != command::switchover_start or _ == 0)
  - id: argument
    size: len_argument
    type:
      switch-on: command
      cases:
        command::ping: ping
        command::postcopy_advise: postcopy_advise
        command::postcopy_ram_discard: postcopy_ram_discard
        command::packaged: packaged
        command::recv_bitmap: recv_bitmap
instances:
  is_advise_of_ram:
    value: command == command::postcopy_advise and len_argument == 16
  page_size:
    value: 'is_advise_of_ram ? argument.as<postcopy_advise>.target_page_size : 0'
    doc: size of a target page in bytes, if this command states it; 0 otherwise
  len_package:
    value: 'command == command::packaged ? argument.as<packaged>.len_package : 0'
    doc: how many bytes of records after this command are its package; 0 for other commands
types:
  ping:
    doc: asks for an answer with the same number
    seq:
      - id: value
        type: u4
        doc: comes back on the return path
  postcopy_advise:
    doc: empty if dirty bitmaps are the only thing that may come by postcopy
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c loadvm_postcopy_handle_advise
    seq:
      - id: page_size_summary
        -orig-id: remote_pagesize_summary
        type: u8
        if: not _io.eof
        valid:
          min: 1
        doc: the sizes of the pages of all RAM blocks on the source's host, or-ed
      - id: target_page_size
        -orig-id: remote_tps
        type: u8
        if: not _io.eof
        valid:
          expr: _ >= 256 and _ <= 0x1000000 and (_ & (_ - 1)) == 0
  postcopy_ram_discard:
    doc: ranges of a RAM block that were sent and have changed since
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c qemu_savevm_send_postcopy_ram_discard
    seq:
      - id: version
        -orig-id: postcopy_ram_discard_version
        type: u1
        valid: 0
      - id: len_name
        type: u1
        valid:
          min: 1
      - id: name
        type: str
        size: len_name
        doc: of the RAM block
      - id: terminator
        contents: [0x00]
      - id: ranges
        type: range
        repeat: eos
  range:
    doc: a run of pages
    seq:
      - id: start
        type: u8
        doc: offset in the block in bytes
      - id: length
        type: u8
        doc: in bytes
  packaged:
    doc: |
      The package follows the command: records as all others, without header and end mark. They are the devices'
      sections, and the commands that let the guest run on the destination, which reads all of them before it acts.
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c qemu_savevm_send_packaged
    seq:
      - id: len_package
        -orig-id: length
        type: u4
        doc: bytes of the records that are packaged
  recv_bitmap:
    doc: the destination is to say which pages of a RAM block it has
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c qemu_savevm_send_recv_bitmap
    seq:
      - id: len_block_name
        type: u1
        valid:
          expr: _ > 0 and _ == _io.size - _io.pos
      - id: block_name
        type: str
        size: len_block_name
enums:
  command:
    1:
      id: open_return_path
      -orig-id: MIG_CMD_OPEN_RETURN_PATH
      doc: answer on the return path from now on
    2:
      id: ping
      -orig-id: MIG_CMD_PING
      doc: send a PONG on the return path
    3:
      id: postcopy_advise
      -orig-id: MIG_CMD_POSTCOPY_ADVISE
      doc: postcopy may follow; comes before any page
    4:
      id: postcopy_listen
      -orig-id: MIG_CMD_POSTCOPY_LISTEN
      doc: take pages while devices are being loaded
    5:
      id: postcopy_run
      -orig-id: MIG_CMD_POSTCOPY_RUN
      doc: let the guest run
    6:
      id: postcopy_ram_discard
      -orig-id: MIG_CMD_POSTCOPY_RAM_DISCARD
      doc: forget pages that have changed since
    7:
      id: packaged
      -orig-id: MIG_CMD_PACKAGED
      doc: read all of the package before acting on it
    8:
      id: enable_colo
      -orig-id: MIG_CMD_ENABLE_COLO
      doc: coarse-grained lock stepping begins
    9:
      id: postcopy_resume
      -orig-id: MIG_CMD_POSTCOPY_RESUME
      doc: a postcopy that was interrupted continues
    10:
      id: recv_bitmap
      -orig-id: MIG_CMD_RECV_BITMAP
      doc: say which pages have arrived
    11:
      id: switchover_start
      -orig-id: MIG_CMD_SWITCHOVER_START
      doc: the guest has stopped on the source; sent by machine types of QEMU 10.0 and later
