"""What the page on JT/T 905 holds besides its messages."""

from __future__ import annotations

from gateway.protocols.jt905.devices import SERIAL
from gateway.protocols.jt905.messages import HEAD
from gateway.protocols.jt905.parameters import PARAMETERS
from gateway.protocols.jt905.position import BASIC, ITEMS
from gateway.wire.chapters import Chapter

TITLE = "JT/T 905.2-2014 出租汽车服务管理信息系统 第2部分: 运营专用设备"
CHAPTERS = (
    Chapter("消息头 Header", layouts=(("", HEAD),)),
    Chapter("位置基本信息 Basic position", "25 字节。25 bytes.", (("0x0200", BASIC),)),
    Chapter("位置附加信息 Additional items", items=ITEMS),
    Chapter("ISU 参数 Parameters", items=PARAMETERS),
    Chapter("ISU 与外设串口帧 Serial frames", "不转义。Nothing is escaped.", (("", SERIAL),)),
)
