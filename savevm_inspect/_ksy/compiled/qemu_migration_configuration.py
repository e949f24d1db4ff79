# This is a generated file! Please edit source .ksy file and use kaitai-struct-compiler to rebuild

import kaitaistruct
from kaitaistruct import KaitaiStruct, KaitaiStream, BytesIO


if getattr(kaitaistruct, 'API_VERSION', (0, 9)) < (0, 11):
    raise Exception("Incompatible Kaitai Struct Python API: 0.11 or later is required, but you have %s" % (kaitaistruct.__version__))

class QemuMigrationConfiguration(KaitaiStruct):
    """What source and destination must agree on before anything else is read. The machine type is always there; each
    subsection only where it is needed.
    
    .. seealso::
       vmstate_configuration - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c
    """
    def __init__(self, _io, _parent=None, _root=None):
        super(QemuMigrationConfiguration, self).__init__(_io)
        self._parent = _parent
        self._root = _root or self
        self._read()

    def _read(self):
        self.record_type = self._io.read_bytes(1)
        if not self.record_type == b"\x07":
            raise kaitaistruct.ValidationNotEqualError(b"\x07", self.record_type, self._io, u"/seq/0")
        self.len_machine = self._io.read_u4be()
        if not self.len_machine <= 255:
            raise kaitaistruct.ValidationGreaterThanError(255, self.len_machine, self._io, u"/seq/1")
        self.machine = (self._io.read_bytes(self.len_machine)).decode(u"UTF-8")
        if self.byte_after_machine == 5:
            pass
            self.subsections = []
            i = 0
            while True:
                _ = QemuMigrationConfiguration.Subsection((0 if i == 0 else self.subsections[i - 1].page_bits),  ((i > 0) and (self.subsections[i - 1].is_ignore_shared)) ,  ((i > 0) and (self.subsections[i - 1].is_mapped_ram)) , self._io, self, self._root)
                self.subsections.append(_)
                if  ((_.byte_after != 5) or (i == 2)) :
                    break
                i += 1

        if self.ofs_end >= 0:
            pass
            self.mark_end = self._io.read_bytes(0)



    def _fetch_instances(self):
        pass
        if self.byte_after_machine == 5:
            pass
            for i in range(len(self.subsections)):
                pass
                self.subsections[i]._fetch_instances()


        if self.ofs_end >= 0:
            pass

        _ = self.byte_after_machine
        if hasattr(self, '_m_byte_after_machine'):
            pass


    class Capabilities(KaitaiStruct):
        """the capabilities that change the stream's format and are on; those that do not are not sent.
        
        .. seealso::
           vmstate_capabilites - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c
        """
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationConfiguration.Capabilities, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.num_capabilities = self._io.read_u4be()
            self.capabilities = []
            for i in range(self.num_capabilities):
                self.capabilities.append(QemuMigrationConfiguration.Capability( ((i > 0) and (self.capabilities[i - 1].is_ignore_shared)) ,  ((i > 0) and (self.capabilities[i - 1].is_mapped_ram)) , self._io, self, self._root))



        def _fetch_instances(self):
            pass
            for i in range(len(self.capabilities)):
                pass
                self.capabilities[i]._fetch_instances()


        @property
        def is_ignore_shared(self):
            if hasattr(self, '_m_is_ignore_shared'):
                return self._m_is_ignore_shared

            self._m_is_ignore_shared =  ((self.num_capabilities > 0) and (self.capabilities[-1].is_ignore_shared)) 
            return getattr(self, '_m_is_ignore_shared', None)

        @property
        def is_mapped_ram(self):
            if hasattr(self, '_m_is_mapped_ram'):
                return self._m_is_mapped_ram

            self._m_is_mapped_ram =  ((self.num_capabilities > 0) and (self.capabilities[-1].is_mapped_ram)) 
            return getattr(self, '_m_is_mapped_ram', None)


    class Capability(KaitaiStruct):
        """the name of a capability that is on.
        
        .. seealso::
           put_capability - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c
        """
        def __init__(self, is_ignore_shared_before, is_mapped_ram_before, _io, _parent=None, _root=None):
            super(QemuMigrationConfiguration.Capability, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self.is_ignore_shared_before = is_ignore_shared_before
            self.is_mapped_ram_before = is_mapped_ram_before
            self._read()

        def _read(self):
            self.len_name = self._io.read_u1()
            self.name = (self._io.read_bytes(self.len_name)).decode(u"UTF-8")


        def _fetch_instances(self):
            pass

        @property
        def is_ignore_shared(self):
            """whether this capability or one before it is `x-ignore-shared`."""
            if hasattr(self, '_m_is_ignore_shared'):
                return self._m_is_ignore_shared

            self._m_is_ignore_shared =  ((self.is_ignore_shared_before) or (self.name == u"x-ignore-shared")) 
            return getattr(self, '_m_is_ignore_shared', None)

        @property
        def is_mapped_ram(self):
            """whether this capability or one before it is `mapped-ram`."""
            if hasattr(self, '_m_is_mapped_ram'):
                return self._m_is_mapped_ram

            self._m_is_mapped_ram =  ((self.is_mapped_ram_before) or (self.name == u"mapped-ram")) 
            return getattr(self, '_m_is_mapped_ram', None)


    class Subsection(KaitaiStruct):
        """one thing that both sides must agree on.
        
        .. seealso::
           vmstate_subsection_save - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/vmstate.c
        """
        def __init__(self, page_bits_before, is_ignore_shared_before, is_mapped_ram_before, _io, _parent=None, _root=None):
            super(QemuMigrationConfiguration.Subsection, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self.page_bits_before = page_bits_before
            self.is_ignore_shared_before = is_ignore_shared_before
            self.is_mapped_ram_before = is_mapped_ram_before
            self._read()

        def _read(self):
            self.record_type = self._io.read_bytes(1)
            if not self.record_type == b"\x05":
                raise kaitaistruct.ValidationNotEqualError(b"\x05", self.record_type, self._io, u"/types/subsection/seq/0")
            self.len_name = self._io.read_u1()
            self.name = (self._io.read_bytes(self.len_name)).decode(u"UTF-8")
            if not  ((self.name == u"configuration/target-page-bits") or (self.name == u"configuration/capabilities") or (self.name == u"configuration/uuid")) :
                raise kaitaistruct.ValidationNotAnyOfError(self.name, self._io, u"/types/subsection/seq/2")
            self.version_id = self._io.read_u4be()
            if not self.version_id == 1:
                raise kaitaistruct.ValidationNotEqualError(1, self.version_id, self._io, u"/types/subsection/seq/3")
            _on = self.name
            if _on == u"configuration/capabilities":
                pass
                self.body = QemuMigrationConfiguration.Capabilities(self._io, self, self._root)
            elif _on == u"configuration/target-page-bits":
                pass
                self.body = QemuMigrationConfiguration.TargetPageBits(self._io, self, self._root)
            elif _on == u"configuration/uuid":
                pass
                self.body = QemuMigrationConfiguration.Uuid(self._io, self, self._root)


        def _fetch_instances(self):
            pass
            _on = self.name
            if _on == u"configuration/capabilities":
                pass
                self.body._fetch_instances()
            elif _on == u"configuration/target-page-bits":
                pass
                self.body._fetch_instances()
            elif _on == u"configuration/uuid":
                pass
                self.body._fetch_instances()
            _ = self.byte_after
            if hasattr(self, '_m_byte_after'):
                pass


        @property
        def byte_after(self):
            """type byte of the next subsection, or of the first record."""
            if hasattr(self, '_m_byte_after'):
                return self._m_byte_after

            _pos = self._io.pos()
            self._io.seek(self._io.pos())
            self._m_byte_after = self._io.read_u1()
            self._io.seek(_pos)
            return getattr(self, '_m_byte_after', None)

        @property
        def is_ignore_shared(self):
            """what the subsections up to this one say."""
            if hasattr(self, '_m_is_ignore_shared'):
                return self._m_is_ignore_shared

            self._m_is_ignore_shared = (self.body.is_ignore_shared if self.name == u"configuration/capabilities" else self.is_ignore_shared_before)
            return getattr(self, '_m_is_ignore_shared', None)

        @property
        def is_mapped_ram(self):
            """what the subsections up to this one say."""
            if hasattr(self, '_m_is_mapped_ram'):
                return self._m_is_mapped_ram

            self._m_is_mapped_ram = (self.body.is_mapped_ram if self.name == u"configuration/capabilities" else self.is_mapped_ram_before)
            return getattr(self, '_m_is_mapped_ram', None)

        @property
        def page_bits(self):
            """what the subsections up to this one say."""
            if hasattr(self, '_m_page_bits'):
                return self._m_page_bits

            self._m_page_bits = (self.body.page_bits if self.name == u"configuration/target-page-bits" else self.page_bits_before)
            return getattr(self, '_m_page_bits', None)


    class TargetPageBits(KaitaiStruct):
        """sent where the size of a target page is not the smallest that the target has, as on ARM.
        
        .. seealso::
           vmstate_target_page_bits - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c
        """
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationConfiguration.TargetPageBits, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.page_bits = self._io.read_u4be()
            if not self.page_bits >= 8:
                raise kaitaistruct.ValidationLessThanError(8, self.page_bits, self._io, u"/types/target_page_bits/seq/0")
            if not self.page_bits <= 24:
                raise kaitaistruct.ValidationGreaterThanError(24, self.page_bits, self._io, u"/types/target_page_bits/seq/0")


        def _fetch_instances(self):
            pass


    class Uuid(KaitaiStruct):
        """sent with the capability `validate-uuid`.
        
        .. seealso::
           vmstate_uuid - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c
        """
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationConfiguration.Uuid, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.uuid = self._io.read_bytes(16)


        def _fetch_instances(self):
            pass


    @property
    def byte_after_machine(self):
        """type byte of the first subsection, or of the first record."""
        if hasattr(self, '_m_byte_after_machine'):
            return self._m_byte_after_machine

        _pos = self._io.pos()
        self._io.seek(self._io.pos())
        self._m_byte_after_machine = self._io.read_u1()
        self._io.seek(_pos)
        return getattr(self, '_m_byte_after_machine', None)

    @property
    def has_subsections(self):
        if hasattr(self, '_m_has_subsections'):
            return self._m_has_subsections

        self._m_has_subsections = self.byte_after_machine == 5
        return getattr(self, '_m_has_subsections', None)

    @property
    def is_ignore_shared(self):
        """whether the capability `x-ignore-shared` is on."""
        if hasattr(self, '_m_is_ignore_shared'):
            return self._m_is_ignore_shared

        self._m_is_ignore_shared =  ((self.has_subsections) and (self.subsections[-1].is_ignore_shared)) 
        return getattr(self, '_m_is_ignore_shared', None)

    @property
    def is_mapped_ram(self):
        """whether the capability `mapped-ram` is on."""
        if hasattr(self, '_m_is_mapped_ram'):
            return self._m_is_mapped_ram

        self._m_is_mapped_ram =  ((self.has_subsections) and (self.subsections[-1].is_mapped_ram)) 
        return getattr(self, '_m_is_mapped_ram', None)

    @property
    def ofs_end(self):
        """offset after the last byte of the configuration."""
        if hasattr(self, '_m_ofs_end'):
            return self._m_ofs_end

        self._m_ofs_end = self._io.pos()
        return getattr(self, '_m_ofs_end', None)

    @property
    def page_bits(self):
        """log2 of the size of a target page in bytes; 0 if the stream leaves it to the machine."""
        if hasattr(self, '_m_page_bits'):
            return self._m_page_bits

        self._m_page_bits = (self.subsections[-1].page_bits if self.has_subsections else 0)
        return getattr(self, '_m_page_bits', None)


