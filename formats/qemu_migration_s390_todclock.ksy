meta:
  id: qemu_migration_s390_todclock
  title: QEMU migration stream, payload of a todclock section
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: 0.11
  endian: be
doc: The time-of-day clock of an s390x guest.
doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/s390x/tod.c s390_tod_load
seq:
  - id: presence
    type: u1
    enum: presence
    valid:
      in-enum: true
  - id: clock
    type: clock
    if: presence == presence::present
types:
  clock:
    -orig-id: S390TOD
    doc: 72 bits of an extended clock value; bit 51 of `low`, counted from the highest, stands for a microsecond
    seq:
      - id: high
        type: u1
        doc: epochs
      - id: low
        type: u8
        doc: time within the epoch
enums:
  presence:
    0:
      id: missing
      -orig-id: S390_TOD_CLOCK_VALUE_MISSING
      doc: the source did not know the time
    1:
      id: present
      -orig-id: S390_TOD_CLOCK_VALUE_PRESENT
      doc: the time follows
