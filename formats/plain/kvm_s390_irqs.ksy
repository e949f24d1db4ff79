meta:
  id: kvm_s390_irqs
  title: Floating interrupts of an s390x guest
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: 0.11
  endian: be
doc: Interrupts that wait for any processor, as KVM gives them.
doc-ref: https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/hw/intc/s390_flic_kvm.c kvm_flic_save
seq:
  - id: num_irqs
    -orig-id: count
    type: u8
  - id: irq
    type: irq
    repeat: expr
    repeat-expr: num_irqs
types:
  irq:
    doc: struct kvm_s390_irq
    seq:
      - id: type
        type: u8
      - id: parameters
        size: 64
