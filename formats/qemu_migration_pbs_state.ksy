meta:
  id: qemu_migration_pbs_state
  title: QEMU migration stream, dirty bitmaps of Proxmox's backups
  application: QEMU
  file-extension: mig
  license: CC0-1.0
  ks-version: 0.11
  endian: be
doc: |
  Proxmox's QEMU keeps the dirty bitmaps of its backups in a buffer that only its backup library understands. The device
  has a `start` section alone, which no `end` section follows.
doc-ref: https://git.proxmox.com/?p=pve-qemu.git;a=tree;f=debian/patches/pve migration/pbs-state.c
seq:
  - id: len_bitmaps
    type: u8
  - id: bitmaps
    size: len_bitmaps
