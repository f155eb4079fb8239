"""Attachments of safety alarms, T/JSATL 12-2017: how they are asked for, announced, sent and completed.

They travel on a TCP connection of their own, in which JT/T 808 frames alternate with raw packets
30 31 63 64. JT/T 1078 media begin with the same four bytes and must never share a port with them.
Carriers of the 2019 edition know one more type of file (T/GDRTA 002-2020).
"""

from __future__ import annotations

import re

from gateway.errors import ProtocolError
from gateway.protocols.jt808.safety import DEVICE, IDENTIFICATION, IDENTIFICATION_WIDE
from gateway.wire.field import Field, Term, terms
from gateway.wire.framing import FLAG, MAX_FRAME, unwrap
from gateway.wire.groups import Many, OneOf, Sized
from gateway.wire.kinds import U8, U16, U32, Raw
from gateway.wire.layout import Layout
from gateway.wire.texts import Text

MAGIC = b"\x30\x31\x63\x64"
RTP = (0x80, 0x81)
"""The fifth byte of a JT/T 1078 media packet (RTP's version 2, with one source or none); names begin with digits."""
LARGEST = 64 * 1024
"""Bytes of data in one packet."""
HEAD = 62
"""Bytes of a packet before its data."""
BEGINNING = re.compile(b"%b(?!%b)|%b" % (FLAG, FLAG, MAGIC))
"""Of several flags the last one opens."""
MOST_DAMAGED = 100
"""Damaged frames in a row, after which a stream is none of these."""

FILE_NAME = Field("name", Sized(U8, Text()), zh="文件名称")
FILE_TYPES = terms("image 图片", "audio 音频", "video 视频", "text 文本", "other 其它")
FILE_TYPES_WIDE = terms(
    "image 图片", "audio 音频", "video 视频", "text 文本", "face 面部特征图片", "other 其它"
)  # fmt: skip
FILE_SIZE = Field("size", U32, "bytes", "文件大小")
ALARM_NUMBER = Field("alarm_number", Text(32), zh="报警编号")


def _request(identification: Layout) -> Layout:
    return Layout(
        "attachment request",
        Field("host", Sized(U8, Text()), zh="附件服务器IP地址"),
        Field("tcp_port", U16, zh="附件服务器TCP端口"),
        Field("udp_port", U16, zh="附件服务器UDP端口"),
        Field("identification", identification, zh="报警标识号"),
        ALARM_NUMBER,
        Field("reserved", Raw(16), zh="预留"),
    )


def _announcement(terminal: int, identification: Layout) -> Layout:
    return Layout(
        "attachments",
        Field("terminal_id", Text(terminal), zh="终端ID"),
        Field("identification", identification, zh="报警标识号"),
        ALARM_NUMBER,
        Field("info_type", U8, zh="信息类型", codes=terms("normal 正常", "resend 补传")),
        Field("files", Many(Layout("file", FILE_NAME, FILE_SIZE), U8), zh="附件信息列表"),
    )


def _file(types: dict[int, Term]) -> Layout:
    return Layout("file", FILE_NAME, Field("type", U8, zh="文件类型", codes=types), FILE_SIZE)


def _completion(types: dict[int, Term]) -> Layout:
    return Layout(
        "completion",
        FILE_NAME,
        Field("type", U8, zh="文件类型", codes=types),
        Field("result", U8, zh="上传结果", codes=terms("done 完成", "resend 需要补传")),
        Field("missing", Many(MISSING, U8), zh="补传数据包列表"),
    )


REQUEST = OneOf(_request(IDENTIFICATION), _request(IDENTIFICATION_WIDE))
ANNOUNCEMENT_NARROW, ANNOUNCEMENT_WIDE = _announcement(7, IDENTIFICATION), _announcement(30, IDENTIFICATION_WIDE)
ANNOUNCEMENT = OneOf(ANNOUNCEMENT_NARROW, ANNOUNCEMENT_WIDE)
MISSING = Layout("range", Field("offset", U32, "bytes", "数据偏移量"), Field("length", U32, "bytes", "数据长度"))
FILE, FILE_WIDE = _file(FILE_TYPES), _file(FILE_TYPES_WIDE)
COMPLETION, COMPLETION_WIDE = _completion(FILE_TYPES), _completion(FILE_TYPES_WIDE)
PACKET = Layout(
    "packet",
    Field("magic", Raw(4), zh="帧头标识"),
    Field("name", Text(50), zh="文件名称"),
    Field("offset", U32, "bytes", "数据偏移量"),
    Field("data", Sized(U32, Raw()), zh="数据体"),
)


class AttachmentBuffer:
    """Cuts the stream of an attachment connection: 0x7E frames, escaped, and whole raw packets.

    At the boundary of a packet the first bytes tell which it is; bytes that begin neither are passed
    over. A damaged frame is handed out to be refused, and then the stream is followed from the byte
    after its flag, which may have been none.

    between   never: nothing on such a connection is read together with others
    skipped   bytes that were passed over
    overlong  flags that no other flag followed in time
    error     why the stream cannot be followed any further; nothing comes out after that
    """

    between = False

    def __init__(self, largest: int = LARGEST) -> None:
        self._data = bytearray()
        self._largest = largest
        self._damaged = 0
        self.skipped = self.overlong = 0
        self.error: ProtocolError | None = None

    @property
    def pending(self) -> int:
        """Bytes of an unfinished packet."""
        return len(self._data)

    def feed(self, data: bytes) -> list[bytes]:
        """Frames with their flags, and packets with their magic, that `data` completes."""
        self._data += data
        found, at = [], 0
        while self.error is None:
            start = self._beginning(at)
            self.skipped += start - at
            at = start
            if (size := self._size(at)) is None:
                break
            if size > 1:
                found.append(bytes(self._data[at : at + size]))
            at += size if size == 1 or self._whole(found[-1]) else 1
        del self._data[:at]
        return found

    def _whole(self, piece: bytes) -> bool:
        """Whether this is a packet, or a frame whose escapes and checksum are right."""
        whole = piece.startswith(MAGIC) or _sound(piece)
        self._damaged = 0 if whole else self._damaged + 1
        if self._damaged >= MOST_DAMAGED:
            self.error = ProtocolError("garbage", f"{self._damaged} damaged frames in a row")
        return whole

    def _beginning(self, at: int) -> int:
        """Where a packet or a frame begins, or where one could once more bytes have come."""
        if start := BEGINNING.search(self._data, at):
            return start.start()
        cut = (n for n in (3, 2, 1) if self._data.endswith(MAGIC[:n], at))
        return len(self._data) - next(cut, 0)

    def _size(self, at: int) -> int | None:
        """Bytes of what begins here, 1 for a flag that opens nothing; None when it is not complete."""
        head = self._data[at : at + HEAD]
        if head.startswith(FLAG):
            return self._frame(at)
        if len(head) > len(MAGIC) and head[len(MAGIC)] in RTP:
            self.error = ProtocolError("media_stream", "JT/T 1078 media on the port of attachments")
        if self.error is not None or len(head) < HEAD:
            return None
        length = int.from_bytes(head[-4:], "big")
        if length > self._largest:
            self.error = ProtocolError("length", f"a packet of {length} bytes, at most {self._largest} are taken")
            return None
        return HEAD + length if len(self._data) - at >= HEAD + length else None

    def _frame(self, at: int) -> int | None:
        after = self._data[at + 1 : at + 1 + len(MAGIC)]
        if MAGIC.startswith(after):  # a packet follows, or nothing yet
            return 1 if after == MAGIC else None
        end = self._data.find(FLAG, at + 1, at + 1 + 2 * MAX_FRAME)
        if end < 0 and len(self._data) - at > 2 * MAX_FRAME:
            self.overlong += 1
            return 1
        return end + 1 - at if end >= 0 else None


def _sound(frame: bytes) -> bool:
    """Whether this is a frame: its escapes and its checksum are right."""
    try:
        unwrap(frame)
    except ProtocolError:
        return False
    return True


# what 0x8900 and 0x0900 of the types F7 and F8 carry
PERIPHERAL_QUERY = Layout("peripherals", Field("devices", Many(U8, U8), zh="外设ID列表"))


def _of_each(content: Layout) -> Layout:
    entry = Layout("peripheral", DEVICE, Field("content", Sized(U8, content), zh="消息内容"))
    return Layout("peripherals", Field("peripherals", Many(entry, U8), zh="外设消息列表"))


_STATES = {
    **terms("normal 正常", "standby 待机", "upgrading 升级维护", "fault 设备异常", start=1),
    **terms("gone 断开", start=16),
}
_FAULTS = {
    **terms("camera 摄像头异常", "main_storage 主存储器异常", "backup_storage 辅存储器异常", "infrared 红外补光异常",
            "speaker 扬声器异常", "battery 电池异常"),
    **terms("communication 通讯模块异常", "positioning 定位模块异常", start=10),
}  # fmt: skip
PERIPHERAL_STATUS = _of_each(
    Layout(
        "status",
        Field("state", U8, zh="工作状态", codes=_STATES),
        Field("faults", U32, zh="报警状态", bits=_FAULTS),
    )
)
_INFO = (
    ("company", "公司名称"), ("product", "产品型号"), ("hardware", "硬件版本号"), ("software", "软件版本号"),
    ("device_id", "设备ID"), ("customer", "客户代码"),
)  # fmt: skip
PERIPHERAL_INFO = _of_each(Layout("information", *(Field(name, Sized(U8, Text()), zh=zh) for name, zh in _INFO)))
