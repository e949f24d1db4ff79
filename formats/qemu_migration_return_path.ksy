meta:
  id: qemu_migration_return_path
  title: QEMU migration, the return path
  application: QEMU
  file-extension: rev
  license: CC0-1.0
  ks-version: 0.11
  encoding: UTF-8
  endian: be
doc: |
  What the destination sends the source, on the way back of the main channel: messages, one after the other, with
  no header and no end mark.
doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/migration.c source_return_path_thread
seq:
  - id: messages
    type: message
    repeat: eos
types:
  message:
    doc: a message with its length
    seq:
      - id: type
        -orig-id: header_type
        type: u2
        enum: message_type
        valid:
          in-enum: true
      - id: len_argument
        -orig-id: header_len
        type: u2
        valid:
          expr: |
            _ <= 512
            and (type != message_type::shut or _ == 4)
            and (type != message_type::pong or _ == 4)
            and (type != message_type::req_pages or _ == 12)
            and (type != message_type::resume_ack or _ == 4)
            and (type != message_type::switchover_ack or _ == 0)
      - id: argument
        size: len_argument
        type:
          switch-on: type
          cases:
            message_type::shut: shut
            message_type::pong: pong
            message_type::req_pages: req_pages
            message_type::req_pages_id: req_pages_id
            message_type::recv_bitmap: recv_bitmap
            message_type::resume_ack: resume_ack
      - id: bitmap
        type: bitmap
        if: type == message_type::recv_bitmap
        doc: follows the message, and is not counted in its length
  shut:
    doc: the destination is done, and whether well
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/migration.c migrate_send_rp_shut
    seq:
      - id: error
        type: u4
        doc: 0 if all went well
  pong:
    doc: the answer to a ping
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/migration.c migrate_send_rp_pong
    seq:
      - id: value
        type: u4
        doc: that of the `ping` it answers
  req_pages:
    doc: pages that the guest waits for, of the block that was named last
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/migration.c migrate_send_rp_message_req_pages
    seq:
      - id: start
        type: u8
        doc: address in the RAM block in bytes
      - id: length
        -orig-id: len
        type: u4
        doc: in bytes
  req_pages_id:
    doc: pages that the guest waits for, with their block
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/migration.c migrate_send_rp_message_req_pages
    seq:
      - id: pages
        type: req_pages
      - id: len_block_name
        type: u1
        valid:
          expr: _ > 0 and _ == _io.size - _io.pos
      - id: block_name
        -orig-id: rbname
        type: str
        size: len_block_name
  recv_bitmap:
    doc: of which block the bitmap of received pages follows
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/migration.c migrate_send_rp_recv_bitmap
    seq:
      - id: len_block_name
        type: u1
        valid:
          expr: _ > 0 and _ == _io.size - _io.pos
      - id: block_name
        type: str
        size: len_block_name
  bitmap:
    doc: which pages of the block have arrived
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/ram.c ramblock_recv_bitmap_send
    seq:
      - id: len_bits
        -orig-id: size
        type: u8
        valid:
          expr: _ % 8 == 0
      - id: bits
        -orig-id: le_bitmap
        size: len_bits
        doc: a bit a page, set where it has arrived; little-endian words of 64 bits
      - id: ending
        -orig-id: RAMBLOCK_RECV_BITMAP_ENDING
        contents: [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef]
  resume_ack:
    doc: the destination is ready to continue
    doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/migration.c migrate_send_rp_resume_ack
    seq:
      - id: value
        -orig-id: MIGRATION_RESUME_ACK_VALUE
        type: u4
        valid: 1
enums:
  message_type:
    1:
      id: shut
      -orig-id: MIG_RP_MSG_SHUT
      doc: the destination is done, or has failed; nothing follows
    2:
      id: pong
      -orig-id: MIG_RP_MSG_PONG
      doc: answers a `ping`
    3:
      id: req_pages_id
      -orig-id: MIG_RP_MSG_REQ_PAGES_ID
      doc: the guest waits for a page of a RAM block, which is named
    4:
      id: req_pages
      -orig-id: MIG_RP_MSG_REQ_PAGES
      doc: the guest waits for a page of the RAM block that was named last
    5:
      id: recv_bitmap
      -orig-id: MIG_RP_MSG_RECV_BITMAP
      doc: which pages have arrived, when a postcopy that was interrupted continues
    6:
      id: resume_ack
      -orig-id: MIG_RP_MSG_RESUME_ACK
      doc: ready to continue a postcopy that was interrupted
    7:
      id: switchover_ack
      -orig-id: MIG_RP_MSG_SWITCHOVER_ACK
      doc: all devices that asked for it are ready for the guest to stop on the source
