meta:
  id: qemu_migration_s390_skeys
  title: QEMU migration stream, payload of a s390-skeys section
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: 0.11
  endian: be
doc: Storage keys of an s390x guest, one for each page of 4096 bytes. Without keys there is the end mark alone.
doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/s390x/s390-skeys.c s390_storage_keys_load
seq:
  - id: records
    type: record
    repeat: until
    repeat-until: _.flag == flag::eos
types:
  record:
    doc: a run of keys, or the end
    seq:
      - id: word
        type: u8
        valid:
          expr: flag == flag::eos or flag == flag::skeys
        doc: guest-physical address of a page, with a flag in the low bits
      - id: num_keys
        -orig-id: total_count
        type: u8
        if: flag == flag::skeys
      - id: keys
        size: num_keys
        if: flag == flag::skeys
        doc: a byte a page
    instances:
      flag:
        value: word & 0xfff
        enum: flag
      addr:
        value: word - (word & 0xfff)
        doc: guest-physical address of the first page
enums:
  flag:
    0x01:
      id: eos
      -orig-id: S390_SKEYS_SAVE_FLAG_EOS
      doc: end of the payload
    0x02:
      id: skeys
      -orig-id: S390_SKEYS_SAVE_FLAG_SKEYS
      doc: keys follow
    0x04:
      id: error
      -orig-id: S390_SKEYS_SAVE_FLAG_ERROR
      doc: the source could not read them; the destination gives up
