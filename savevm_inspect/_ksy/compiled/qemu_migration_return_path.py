# This is a generated file! Please edit source .ksy file and use kaitai-struct-compiler to rebuild

import kaitaistruct
from kaitaistruct import KaitaiStruct, KaitaiStream, BytesIO
from enum import IntEnum


if getattr(kaitaistruct, 'API_VERSION', (0, 9)) < (0, 11):
    raise Exception("Incompatible Kaitai Struct Python API: 0.11 or later is required, but you have %s" % (kaitaistruct.__version__))

class QemuMigrationReturnPath(KaitaiStruct):
    """What the destination sends the source, on the way back of the main channel: messages, one after the other, with
    no header and no end mark.
    
    .. seealso::
       source_return_path_thread - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/migration.c
    """

    class MessageType(IntEnum):
        shut = 1
        pong = 2
        req_pages_id = 3
        req_pages = 4
        recv_bitmap = 5
        resume_ack = 6
        switchover_ack = 7
    def __init__(self, _io, _parent=None, _root=None):
        super(QemuMigrationReturnPath, self).__init__(_io)
        self._parent = _parent
        self._root = _root or self
        self._read()

    def _read(self):
        self.messages = []
        i = 0
        while not self._io.is_eof():
            self.messages.append(QemuMigrationReturnPath.Message(self._io, self, self._root))
            i += 1



    def _fetch_instances(self):
        pass
        for i in range(len(self.messages)):
            pass
            self.messages[i]._fetch_instances()


    class Bitmap(KaitaiStruct):
        """which pages of the block have arrived.
        
        .. seealso::
           ramblock_recv_bitmap_send - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/ram.c
        """
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationReturnPath.Bitmap, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.len_bits = self._io.read_u8be()
            _ = self.len_bits
            if not _ % 8 == 0:
                raise kaitaistruct.ValidationExprError(self.len_bits, self._io, u"/types/bitmap/seq/0")
            self.bits = self._io.read_bytes(self.len_bits)
            self.ending = self._io.read_bytes(8)
            if not self.ending == b"\x01\x23\x45\x67\x89\xAB\xCD\xEF":
                raise kaitaistruct.ValidationNotEqualError(b"\x01\x23\x45\x67\x89\xAB\xCD\xEF", self.ending, self._io, u"/types/bitmap/seq/2")


        def _fetch_instances(self):
            pass


    class Message(KaitaiStruct):
        """a message with its length."""
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationReturnPath.Message, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.type = KaitaiStream.resolve_enum(QemuMigrationReturnPath.MessageType, self._io.read_u2be())
            if not isinstance(self.type, QemuMigrationReturnPath.MessageType):
                raise kaitaistruct.ValidationNotInEnumError(self.type, self._io, u"/types/message/seq/0")
            self.len_argument = self._io.read_u2be()
            _ = self.len_argument
            if not  ((_ <= 512) and ( ((self.type != QemuMigrationReturnPath.MessageType.shut) or (_ == 4)) ) and ( ((self.type != QemuMigrationReturnPath.MessageType.pong) or (_ == 4)) ) and ( ((self.type != QemuMigrationReturnPath.MessageType.req_pages) or (_ == 12)) ) and ( ((self.type != QemuMigrationReturnPath.MessageType.resume_ack) or (_ == 4)) ) and ( ((self.type != QemuMigrationReturnPath.MessageType.switchover_ack) or (_ == 0)) )) :
                raise kaitaistruct.ValidationExprError(self.len_argument, self._io, u"/types/message/seq/1")
            _on = self.type
            if _on == QemuMigrationReturnPath.MessageType.pong:
                pass
                self._raw_argument = self._io.read_bytes(self.len_argument)
                _io__raw_argument = KaitaiStream(BytesIO(self._raw_argument))
                self.argument = QemuMigrationReturnPath.Pong(_io__raw_argument, self, self._root)
            elif _on == QemuMigrationReturnPath.MessageType.recv_bitmap:
                pass
                self._raw_argument = self._io.read_bytes(self.len_argument)
                _io__raw_argument = KaitaiStream(BytesIO(self._raw_argument))
                self.argument = QemuMigrationReturnPath.RecvBitmap(_io__raw_argument, self, self._root)
            elif _on == QemuMigrationReturnPath.MessageType.req_pages:
                pass
                self._raw_argument = self._io.read_bytes(self.len_argument)
                _io__raw_argument = KaitaiStream(BytesIO(self._raw_argument))
                self.argument = QemuMigrationReturnPath.ReqPages(_io__raw_argument, self, self._root)
            elif _on == QemuMigrationReturnPath.MessageType.req_pages_id:
                pass
                self._raw_argument = self._io.read_bytes(self.len_argument)
                _io__raw_argument = KaitaiStream(BytesIO(self._raw_argument))
                self.argument = QemuMigrationReturnPath.ReqPagesId(_io__raw_argument, self, self._root)
            elif _on == QemuMigrationReturnPath.MessageType.resume_ack:
                pass
                self._raw_argument = self._io.read_bytes(self.len_argument)
                _io__raw_argument = KaitaiStream(BytesIO(self._raw_argument))
                self.argument = QemuMigrationReturnPath.ResumeAck(_io__raw_argument, self, self._root)
            elif _on == QemuMigrationReturnPath.MessageType.shut:
                pass
                self._raw_argument = self._io.read_bytes(self.len_argument)
                _io__raw_argument = KaitaiStream(BytesIO(self._raw_argument))
                self.argument = QemuMigrationReturnPath.Shut(_io__raw_argument, self, self._root)
            else:
                pass
                self.argument = self._io.read_bytes(self.len_argument)
            if self.type == QemuMigrationReturnPath.MessageType.recv_bitmap:
                pass
                self.bitmap = QemuMigrationReturnPath.Bitmap(self._io, self, self._root)



        def _fetch_instances(self):
            pass
            _on = self.type
            if _on == QemuMigrationReturnPath.MessageType.pong:
                pass
                self.argument._fetch_instances()
            elif _on == QemuMigrationReturnPath.MessageType.recv_bitmap:
                pass
                self.argument._fetch_instances()
            elif _on == QemuMigrationReturnPath.MessageType.req_pages:
                pass
                self.argument._fetch_instances()
            elif _on == QemuMigrationReturnPath.MessageType.req_pages_id:
                pass
                self.argument._fetch_instances()
            elif _on == QemuMigrationReturnPath.MessageType.resume_ack:
                pass
                self.argument._fetch_instances()
            elif _on == QemuMigrationReturnPath.MessageType.shut:
                pass
                self.argument._fetch_instances()
            else:
                pass
            if self.type == QemuMigrationReturnPath.MessageType.recv_bitmap:
                pass
                self.bitmap._fetch_instances()



    class Pong(KaitaiStruct):
        """the answer to a ping.
        
        .. seealso::
           migrate_send_rp_pong - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/migration.c
        """
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationReturnPath.Pong, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.value = self._io.read_u4be()


        def _fetch_instances(self):
            pass


    class RecvBitmap(KaitaiStruct):
        """of which block the bitmap of received pages follows.
        
        .. seealso::
           migrate_send_rp_recv_bitmap - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/migration.c
        """
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationReturnPath.RecvBitmap, self).__init__(_io)
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


    class ReqPages(KaitaiStruct):
        """pages that the guest waits for, of the block that was named last.
        
        .. seealso::
           migrate_send_rp_message_req_pages - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/migration.c
        """
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationReturnPath.ReqPages, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.start = self._io.read_u8be()
            self.length = self._io.read_u4be()


        def _fetch_instances(self):
            pass


    class ReqPagesId(KaitaiStruct):
        """pages that the guest waits for, with their block.
        
        .. seealso::
           migrate_send_rp_message_req_pages - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/migration.c
        """
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationReturnPath.ReqPagesId, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.pages = QemuMigrationReturnPath.ReqPages(self._io, self, self._root)
            self.len_block_name = self._io.read_u1()
            _ = self.len_block_name
            if not  ((_ > 0) and (_ == self._io.size() - self._io.pos())) :
                raise kaitaistruct.ValidationExprError(self.len_block_name, self._io, u"/types/req_pages_id/seq/1")
            self.block_name = (self._io.read_bytes(self.len_block_name)).decode(u"UTF-8")


        def _fetch_instances(self):
            pass
            self.pages._fetch_instances()


    class ResumeAck(KaitaiStruct):
        """the destination is ready to continue.
        
        .. seealso::
           migrate_send_rp_resume_ack - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/migration.c
        """
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationReturnPath.ResumeAck, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.value = self._io.read_u4be()
            if not self.value == 1:
                raise kaitaistruct.ValidationNotEqualError(1, self.value, self._io, u"/types/resume_ack/seq/0")


        def _fetch_instances(self):
            pass


    class Shut(KaitaiStruct):
        """the destination is done, and whether well.
        
        .. seealso::
           migrate_send_rp_shut - https://gitlab.com/qemu-project/qemu/-/blob/v10.2.0/migration/migration.c
        """
        def __init__(self, _io, _parent=None, _root=None):
            super(QemuMigrationReturnPath.Shut, self).__init__(_io)
            self._parent = _parent
            self._root = _root
            self._read()

        def _read(self):
            self.error = self._io.read_u4be()


        def _fetch_instances(self):
            pass



