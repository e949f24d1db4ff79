meta:
  id: qemu_migration_s390_stattrib
  title: QEMU migration stream, payload of a s390-storage_attributes section
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: 0.11
  endian: be
doc: Attributes of an s390x guest's storage, which collaborative memory management keeps for each page of 4096 bytes.
doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/s390x/s390-stattrib.c cmma_load
seq:
  - id: records
    type: record
    repeat: until
    repeat-until: _.flag == flag::eos
types:
  record:
    doc: a run of attributes, or a mark
    seq:
      - id: word
        type: u8
        valid:
          expr: flag == flag::eos or flag == flag::more or flag == flag::done
        doc: guest-physical address of a page, with a flag in the low bits
      - id: num_attributes
        -orig-id: count
        type: u8
        if: flag == flag::more
      - id: attributes
        size: num_attributes
        if: flag == flag::more
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
      -orig-id: STATTR_FLAG_EOS
      doc: end of the section's payload
    0x02:
      id: more
      -orig-id: STATTR_FLAG_MORE
      doc: attributes follow
    0x04:
      id: error
      -orig-id: STATTR_FLAG_ERROR
      doc: the source could not read them all; the destination gives up
    0x08:
      id: done
      -orig-id: STATTR_FLAG_DONE
      doc: all have been sent
