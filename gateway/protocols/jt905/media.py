"""Pictures and sound, sent in chunks that are answered one by one (JT/T 905.2-2014, 10.3)."""

from __future__ import annotations

from gateway.jtt import ACK_SERIAL, shot
from gateway.wire.clocks import Stamp
from gateway.wire.field import Field, terms
from gateway.wire.groups import Many
from gateway.wire.kinds import U8, U16, U32, Raw
from gateway.wire.layout import Layout

CHUNK = 512
"""Most bytes of data in one message."""
ANY_TIME = Stamp("YYMMDDhhmmss", blank=True)
CAMERA = Field("camera", U8, zh="摄像头ID")
SIZE, OFFSET = Field("size", U32, "bytes", "数据大小"), Field("offset", U32, "bytes", "起始地址")
DATA = Field("data", Raw(), zh="数据块")
FILE_ID = Field("file_id", U32, zh="文件ID")
PICTURE = Layout(
    "picture",
    Field("reason", U16, zh="上传原因: 拍摄指令流水号或0"),
    Field("picture_id", U32, zh="图像ID"),
    CAMERA,
    SIZE,
    OFFSET,
    DATA,
)
SHOOT = shot(terms("320x240 320x240", "640x480 640x480", "800x600 800x600"))
_TIMES = (Field("start", ANY_TIME, zh="起始时间"), Field("end", ANY_TIME, zh="结束时间"))
SEARCH_PICTURES = Layout(
    "picture search", CAMERA,
    Field("reason", U8, zh="拍照原因", codes=terms("occupied 进入重车", "rating 服务评价完成", "alarm 报警",
        "centre 中心主动拍照")),
    *_TIMES,
)  # fmt: skip
SEARCH_SOUNDS = Layout(
    "sound search",
    Field("reason", U8, zh="录音原因", codes=terms("normal 正常", "complaint 投诉", "alarm 报警")),
    *_TIMES,
)
FOUND = Layout("found", ACK_SERIAL, SIZE, OFFSET, Field("ids", Many(U32), zh="ID列表"))
"""The size is that of the whole list: four bytes an id."""
UPLOAD = Layout(
    "upload", Field("type", U8, zh="类型", codes=terms("picture 照片", "audio 音频", "video 视频")), FILE_ID, OFFSET
)
CONTENT = Layout("media", Field("command_serial", U16, zh="对应指令流水号"), FILE_ID, SIZE, OFFSET, DATA)
