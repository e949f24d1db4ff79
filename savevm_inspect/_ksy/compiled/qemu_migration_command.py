# This is a generated file! Please edit source .ksy file and use kaitai-struct-compiler to rebuild

import kaitaistruct
from kaitaistruct import KaitaiStruct, KaitaiStream, BytesIO
from enum import IntEnum


if getattr(kaitaistruct, 'API_VERSION', (0, 9)) < (0, 11):
    raise Exception("Incompatible Kaitai Struct Python API: 0.11 or later is required, but you have %s" % (kaitaistruct.__version__))

class QemuMigrationCommand(KaitaiStruct):
    """What the source orders the destination to do, after the record's type byte. A command lies wholly in its
    argument; what `packaged` announces follows it.
    
    .. seealso::
       loadvm_process_command - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c
    """

    class Command(IntEnum):
        open_return_path = 1
        ping = 2
        postcopy_advise = 3
        postcopy_listen = 4
        postcopy_run = 5
        postcopy_ram_discard = 6
        packaged = 7
        enable_colo = 8
        postcopy_resume = 9
        recv_bitmap = 10
        switchover_start = 11
    def __init__(self, _io, _parent=None, _root=None):
        super(QemuMigrationCommand, self).__init__(_io)
        self._parent = _parent
        self._root = _root or self
        self._read()

    def _read(self):
        self.command = KaitaiStream.resolve_enum(QemuMigrationCommand.Command, self._io.read_u2be())
        if not isinstance(self.command, QemuMigrationCommand.Command):
            raise kaitaistruct.ValidationNotInEnumError(self.command, self._io, u"/seq/0")
        self.len_argument = self._io.read_u2be()
        _ = self.len_argument
        if not  (( ((self.command != QemuMigrationCommand.Command.open_return_path) or (_ == 0)) ) and ( ((self.command != QemuMigrationCommand.Command.ping) or (_ == 4)) ) and ( ((self.command != QemuMigrationCommand.Command.postcopy_advise) or (_ == 0) or (_ == 16)) ) and ( ((self.command != QemuMigrationCommand.Command.postcopy_listen) or (_ == 0)) ) and ( ((self.command != QemuMigrationCommand.Command.postcopy_run) or (_ == 0)) ) and ( ((self.command != QemuMigrationCommand.Command.postcopy_ram_discard) or (_ >= 20)) ) and ( ((self.command != QemuMigrationCommand.Command.packaged) or (_ == 4)) ) and ( ((self.command != QemuMigrationCommand.Command.enable_colo) or (_ == 0)) ) and ( ((self.command != QemuMigrationCommand.Command.postcopy_resume) or (_ == 0)) ) and ( ((self.command != QemuMigrationCommand.Command.switchover_start) or (_ == 0)) )) :
            raise kaitaistruct.ValidationExprError(self.len_argument, self._io, u"/seq/1")
        _on = self.command
        if _on == QemuMigrationCommand.Command.packaged:
            pass
            self._raw_argument = self._io.read_bytes(self.len_argument)
            _io__raw_argument = KaitaiStream(BytesIO(self._raw_argument))
            self.argument = QemuMigrationCommand.Packaged(_io__raw_argument, self, self._root)
        elif _on == QemuMigrationCommand.Command.ping:
            pass
            self._raw_argument = self._io.read_bytes(self.len_argument)
            _io__raw_argument = KaitaiStream(BytesIO(self._raw_argument))
            self.argument = QemuMigrationCommand.Ping(_io__raw_argument, self, self._root)
        elif _on == QemuMigrationCommand.Command.postcopy_advise:
            pass
            self._raw_argument = self._io.read_bytes(self.len_argument)
            _io__raw_argument = KaitaiStream(BytesIO(self._raw_argument))
            self.argument = QemuMigrationCommand.PostcopyAdvise(_io__raw_argument, self, self._root)
        elif _on == QemuMigrationCommand.Command.postcopy_ram_discard:
            pass
            self._raw_argument = self._io.read_bytes(self.len_argument)
            _io__raw_argument = KaitaiStream(BytesIO(self._raw_argument))
            self.argument = QemuMigrationCommand.PostcopyRamDiscard(_io__raw_argument, self, self._root)
        elif _on == QemuMigrationCommand.Command.recv_bitmap:
            pass
            self._raw_argument = self._io.read_bytes(self.len_argument)
            _io__raw_argument = KaitaiStream(BytesIO(self._raw_argument))
            self.argument = QemuMigrationCommand.RecvBitmap(_io__raw_argument, self, self._root)
        else:
            pass
            self.argument = self._io.read_bytes(self.len_argument)


    def _fetch_instances(self):
        pass
        _on = self.command
        if _on == QemuMigrationCommand.Command.packaged:
            pass
            self.argument._fetch_instances()
        elif _on == QemuMigrationCommand.Command.ping:
            pass
            self.argument._fetch_instances()
        elif _on == QemuMigrationCommand.Command.postcopy_advise:
            pass
            self.argument._fetch_instances()
        elif _on == QemuMigrationCommand.Command.postcopy_ram_discard:
            pass
            self.argument._fetch_instances()
        elif _on == QemuMigrationCommand.Command.recv_bitmap:
            pass
            self.argument._fetch_instances()
        else:
            pass

    class Packaged(KaitaiStruct):
        """The package follows the command: records as all others, without header and end mark. They are the devices'
        sections, and the commands that let the guest run on the destination, which reads all of them before it acts.
        
        .. seealso::
           qemu_savevm_send_packaged - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c
        """
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationCommand.Packaged, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.len_package = self._io.read_u4be()


        def _fetch_instances(self):
            pass


    class Ping(KaitaiStruct):
        """asks for an answer with the same number."""
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationCommand.Ping, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.value = self._io.read_u4be()


        def _fetch_instances(self):
            pass


    class PostcopyAdvise(KaitaiStruct):
        """empty if dirty bitmaps are the only thing that may come by postcopy.
        
        .. seealso::
           loadvm_postcopy_handle_advise - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c
        """
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationCommand.PostcopyAdvise, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            if (not (self._io.is_eof())):
                pass
                self.page_size_summary = self._io.read_u8be()
                if not self.page_size_summary >= 1:
                    raise kaitaistruct.ValidationLessThanError(1, self.page_size_summary, self._io, u"/types/postcopy_advise/seq/0")

            if (not (self._io.is_eof())):
                pass
                self.target_page_size = self._io.read_u8be()
                _ = self.target_page_size
                if not  ((_ >= 256) and (_ <= 16777216) and (_ & _ - 1 == 0)) :
                    raise kaitaistruct.ValidationExprError(self.target_page_size, self._io, u"/types/postcopy_advise/seq/1")



        def _fetch_instances(self):
            pass
            if (not (self._io.is_eof())):
                pass

            if (not (self._io.is_eof())):
                pass



    class PostcopyRamDiscard(KaitaiStruct):
        """ranges of a RAM block that were sent and have changed since.
        
        .. seealso::
           qemu_savevm_send_postcopy_ram_discard - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c
        """
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationCommand.PostcopyRamDiscard, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.version = self._io.read_u1()
            if not self.version == 0:
                raise kaitaistruct.ValidationNotEqualError(0, self.version, self._io, u"/types/postcopy_ram_discard/seq/0")
            self.len_name = self._io.read_u1()
            if not self.len_name >= 1:
                raise kaitaistruct.ValidationLessThanError(1, self.len_name, self._io, u"/types/postcopy_ram_discard/seq/1")
            self.name = (self._io.read_bytes(self.len_name)).decode(u"UTF-8")
            self.terminator = self._io.read_bytes(1)
            if not self.terminator == b"\x00":
                raise kaitaistruct.ValidationNotEqualError(b"\x00", self.terminator, self._io, u"/types/postcopy_ram_discard/seq/3")
            self.ranges = []
            i = 0
            while not self._io.is_eof():
                self.ranges.append(QemuMigrationCommand.Range(self._io, self, self._root))
                i += 1



        def _fetch_instances(self):
            pass
            for i in range(len(self.ranges)):
                pass
                self.ranges[i]._fetch_instances()



    class Range(KaitaiStruct):
        """a run of pages."""
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationCommand.Range, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.start = self._io.read_u8be()
            self.length = self._io.read_u8be()


        def _fetch_instances(self):
            pass


    class RecvBitmap(KaitaiStruct):
        """the destination is to say which pages of a RAM block it has.
        
        .. seealso::
           qemu_savevm_send_recv_bitmap - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/savevm.c
        """
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationCommand.RecvBitmap, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.len_block_name = self._io.read_u1()
            _ = self.len_block_name
            if not  ((_ > 0) and (_ == self._io.size() - self._io.pos())) :
                raise kaitaistruct.ValidationExprError(self.len_block_name, self._io, u"/types/recv_bitmap/seq/0")
            self.block_name = (self._io.read_bytes(self.len_block_name)).decode(u"UTF-8")


        def _fetch_instances(self):
            pass


    @property
    def is_advise_of_ram(self):
        if hasattr(self, '_m_is_advise_of_ram'):
            return self._m_is_advise_of_ram

        self._m_is_advise_of_ram =  ((self.command == QemuMigrationCommand.Command.postcopy_advise) and (self.len_argument == 16)) 
        return getattr(self, '_m_is_advise_of_ram', None)

    @property
    def len_package(self):
        """how many bytes of records after this command are its package; 0 for other commands."""
        if hasattr(self, '_m_len_package'):
            return self._m_len_package

        self._m_len_package = (self.argument.len_package if self.command == QemuMigrationCommand.Command.packaged else 0)
        return getattr(self, '_m_len_package', None)

    @property
    def page_size(self):
        """size of a target page in bytes, if this command states it; 0 otherwise."""
        if hasattr(self, '_m_page_size'):
            return self._m_page_size

        self._m_page_size = (self.argument.target_page_size if self.is_advise_of_ram else 0)
        return getattr(self, '_m_page_size', None)


