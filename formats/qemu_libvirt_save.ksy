meta:
  id: qemu_libvirt_save
  title: libvirt save image of a QEMU guest
  application: libvirt
  file-extension: save
  license: CC0-1.0
  ks-version: 0.11
  encoding: UTF-8
  imports:
    - qemu_migration_extent
doc: |
  What `virsh save` and `virsh managedsave` write around a migration stream: a header in the byte order of the host,
  the domain's XML, and a cookie, which is XML too.
doc-ref:
  - https://gitlab.com/libvirt/libvirt/-/blob/v11.8.0/src/qemu/qemu_saveimage.h virQEMUSaveHeader
  - https://gitlab.com/libvirt/libvirt/-/blob/v11.8.0/src/qemu/qemu_saveimage.c virQEMUSaveDataWrite
seq:
  - id: magic
    -orig-id: QEMU_SAVE_MAGIC
    size: 16
    valid:
      any-of:
        - '[0x4c, 0x69, 0x62, 0x76, 0x69, 0x72, 0x74, 0x51, 0x65, 0x6d, 0x75, 0x64, 0x53, 0x61, 0x76, 0x65].as<bytes>'
        - '[0x4c, 0x69, 0x62, 0x76, 0x69, 0x72, 0x74, 0x51, 0x65, 0x6d, 0x75, 0x64, 0x50, 0x61, 0x72, 0x74].as<bytes>'
    doc: '`LibvirtQemudSave`, or `LibvirtQemudPart` as long as the image is not complete'
  - id: header
    type: header
  - id: domain_xml
    size: 'header.ofs_cookie != 0 ? header.ofs_cookie : header.len_documents'
    type: strz
  - id: cookie
    size: header.len_documents - header.ofs_cookie
    type: strz
    if: header.ofs_cookie != 0
    doc: what libvirt needs to know beside the domain
  - id: stream
    type: qemu_migration_extent(_io.size - _io.pos)
    doc: |
      The migration stream, packed as `format` says. With `sparse` it is a mapped-ram file, whose offsets are counted
      from the start of this file.
instances:
  version_low_byte:
    pos: 16
    type: u1
    doc: first byte of the version; it is zero in big-endian images alone
  is_complete:
    value: magic[12] == 0x53
types:
  header:
    doc: numbers that say how long and of what kind the rest is
    meta:
      endian:
        switch-on: _root.version_low_byte
        cases:
          0: be
          _: le
    seq:
      - id: version
        type: u4
        valid:
          min: 1
          max: 2
      - id: len_documents
        -orig-id: data_len
        type: u4
        valid:
          min: 1
        doc: bytes of the XML, the cookie and the padding after them
      - id: was_running
        type: u4
        doc: 1 if the guest is to run when it is restored
      - id: format
        -orig-id: compressed
        type: u4
        enum: format
        doc: how the stream is packed; means nothing in version 1, which is always `raw`
      - id: ofs_cookie
        -orig-id: cookieOffset
        type: u4
        valid:
          max: len_documents
        doc: from the first byte of the XML; 0 if there is no cookie
      - id: unused
        size: 56
enums:
  format:
    0:
      id: raw
      doc: the stream as it is
    1:
      id: gzip
      doc: the whole stream packed by gzip
    2:
      id: bzip2
      doc: the whole stream packed by bzip2
    3:
      id: xz
      doc: the whole stream packed by xz
    4:
      id: lzop
      doc: the whole stream packed by lzop
    5:
      id: zstd
      doc: the whole stream packed by zstd
    6:
      id: sparse
      doc: raw, as a mapped-ram file
