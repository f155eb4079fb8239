"""What the page on JT/T 808 holds besides its messages."""

from __future__ import annotations

from gateway.protocols.jt808 import attachments, header, safety, video
from gateway.protocols.jt808.dialects import DIALECTS
from gateway.protocols.jt808.parameters import PARAMETERS
from gateway.protocols.jt808.position import BASIC, ITEMS, STANDARD_ITEMS
from gateway.protocols.jt808.vendor import VENDOR_ITEMS
from gateway.wire.chapters import Chapter
from gateway.wire.message import OPAQUE

TITLE = "JT/T 808-2011, 2013, 2019 道路运输车辆卫星定位系统终端通讯协议"
_DIALECTS = "\n".join(
    f"| `{d.name}` | {d.zh} | {', '.join(d.models)} | {', '.join(f'0x{number:04X}' for number in d.layouts)} |"
    for d in DIALECTS.values()
)
CHAPTERS = (
    Chapter(
        "消息头 Header",
        "2011 和 2013 版相同; 2019 版以消息体属性第 14 位区分。Bit 14 of the attributes tells the 2019 layout.",
        (
            ("2011, 2013", header.OLD),
            ("2019", header.NEW),
            ("E7 分隔 delimited by E7", header.LONG),
            ("分包项 package", header.PACKAGE),
        ),
    ),
    Chapter("位置基本信息 Basic position", "28 字节。28 bytes.", (("0x0200", BASIC),)),
    Chapter(
        "位置附加信息 Additional items",
        "按 (ID, 长度) 识别; 未知项以十六进制保留。By (id, length); unknown items are kept as hex.",
        items={key: ITEMS[key] for key in (*STANDARD_ITEMS, *safety.SAFETY_ITEMS)},
    ),
    Chapter(
        "厂商附加信息 Vendors' items",
        "标准之外, 见于实际终端。Outside of the standards, seen in the field.",
        items={key: kind for key, kind in VENDOR_ITEMS.items() if key not in STANDARD_ITEMS},
    ),
    Chapter(
        "终端参数 Terminal parameters",
        "0x0111-0x01FF 同 0x0110。0x0111-0x01FF are like 0x0110.",
        items={key: kind for key, kind in PARAMETERS.items() if not 0x0110 < key[0] <= 0x01FF},
    ),
    Chapter(
        "附件与音视频数据包 Attachment and media packets",
        "在各自的端口上, 不用 0x7E 分帧。On ports of their own, not framed by 0x7E.",
        (("T/JSATL 12 附件 attachment", attachments.PACKET), ("JT/T 1078 音视频 media", video.PACKET)),
    ),
    Chapter(
        "方言 Dialects",
        "按名称或注册型号选择; 字节能证明的不需要方言。Chosen by name or by the registered model.\n\n"
        f"| dialect | 说明 | 型号 models | 消息 messages |\n|---|---|---|---|\n{_DIALECTS}",
    ),
    Chapter("未知消息 Unknown messages", layouts=(("", OPAQUE),)),
)
