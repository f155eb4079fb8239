"""The ISU and what hangs on it: control, upgrade, inspection, peripherals, the meter's serial line.

JT/T 905.2-2014, 10.3 and its clause on the serial interfaces of peripherals.
"""

from __future__ import annotations

from gateway.errors import ProtocolError
from gateway.jtt import ACK_SERIAL
from gateway.protocols.jt905.meter import ANY_METER
from gateway.protocols.jt905.parameters import PARAMETERS
from gateway.protocols.jt905.position import ALARM_BITS, STATUS_BITS
from gateway.wire.clocks import Stamp
from gateway.wire.conditions import Is
from gateway.wire.field import Field, term, terms
from gateway.wire.framing import xor
from gateway.wire.groups import By, Many, OneOf
from gateway.wire.items import Items
from gateway.wire.kinds import U8, U16, U32, Bcd, Raw
from gateway.wire.layout import Layout
from gateway.wire.texts import Terminated

DEVICES = terms(
    "isu ISU", "radio 通信模块", "meter 计价器", "tsm 出租汽车安全模块", "led LED显示屏", "roof_lamp 智能顶灯",
    "evaluator_rear 服务评价器(后排)", "camera 摄像装置", "gnss 卫星定位设备", "lcd 液晶(LCD)多媒体屏",
    "hmi ISU人机交互设备", "evaluator_front 服务评价器(前排)",
)  # fmt: skip
DEVICE = Field("device", U8, zh="设备类型", codes=DEVICES)
VENDOR = Field("vendor", U8, zh="厂商标识")
HARDWARE, SOFTWARE = Field("hardware", Bcd(1), zh="硬件版本号"), Field("software", Bcd(2), zh="软件版本号")

PARAMETER_LIST = Field("parameters", Items(PARAMETERS, U16, U8), zh="参数项列表")
SET_PARAMETERS = Layout("parameters", PARAMETER_LIST)
QUERY_PARAMETERS = Layout("queried parameters", Field("ids", Many(U16), zh="参数ID列表"))
PARAMETERS_ANSWER = Layout("parameters answer", ACK_SERIAL, PARAMETER_LIST)

_UPGRADE = Is("command", 1)
CONTROL = Layout(
    "control",
    Field("command", U8, zh="命令字", codes={1: term("upgrade 远程升级")}),
    *(
        Field(f.name, f.kind, f.unit, f.zh, codes=f.codes, when=_UPGRADE)
        for f in (
            DEVICE,
            VENDOR,
            HARDWARE,
            SOFTWARE,
            Field("apn", Terminated(), zh="APN"),
            Field("user", Terminated(), zh="拨号用户名"),
            Field("password", Terminated(), zh="拨号密码"),
            Field("host", Terminated(), zh="升级服务器地址"),
            Field("port", U16, zh="升级服务器端口"),
        )
    ),
)
UPGRADE_RESULT = Layout(
    "upgrade result",
    DEVICE,
    VENDOR,
    HARDWARE,
    SOFTWARE,
    Field(
        "result", U8, zh="升级结果",
        codes=terms(
            "same_version 版本一致", "ok 成功", "failed 失败", "vendor_mismatch 厂商标识不一致",
                "hardware_mismatch 硬件版本不一致",
            "download_failed 程序文件下载失败", "cancelled_by_centre 中心取消", "cancelled_by_isu ISU取消",
        ),
    ),
)  # fmt: skip

INSPECTION = Layout("inspection", Field("devices", Many(U8), zh="巡检设备类型, 空为全部"))
ISU = Layout(
    "isu",
    Field("id", Bcd(5), zh="ISU标识"),
    HARDWARE,
    SOFTWARE,
    Field("status", U32, zh="状态", bits=STATUS_BITS),
    Field("alarm", U32, zh="报警标志", bits=ALARM_BITS),
    Field("sign_ins", U8, zh="缓存签到信息数"),
    Field("sign_outs", U8, zh="缓存签退信息数"),
    Field("trips", U8, zh="缓存营运记录数"),
    Field("card_records", U8, zh="缓存一卡通交易记录数"),
)
INSPECTION_ANSWER = Layout("inspection answer", Field("devices", Items({(0x00, 20): ISU}), zh="巡检数据"))

COMMAND = Field("command", U16, zh="外设指令", codes={
    0x0000: term("state 状态查询"), 0x0001: term("clock 时钟"), 0x0004: term("get_tariff 运价参数查询"),
    0x0005: term("set_tariff 运价参数设置"), 0x0006: term("query_trip 单次营运数据查询"), 0x00E0: term("open 开机"),
    0x00E1: term("opened 开机成功"), 0x00E3: term("close 关机"), 0x00E4: term("closed 关机成功"),
    0x00E7: term("trip_start 单次营运开始"), 0x00E8: term("trip_end 单次营运结束"), 0x00E9: term("heartbeat 心跳"),
    0x00F1: term("shift_again 补传当班"), 0x00F2: term("trip_again 补传营运"), 0x00FF: term("upgrade 升级"),
})  # fmt: skip
STATE = OneOf(Layout("state", Field("time", Stamp("YYYYMMDDhhmmss"), zh="ISU当前时间")), Raw())
CONTENT = Field("data", By("command", {0x0000: STATE, 0x00E8: ANY_METER}), zh="数据")
PASS_DOWN = Layout(
    "to peripheral",
    DEVICE,
    Field(
        "data_type",
        U16,
        zh="透传数据类型",
        ranges={(0, 3): term("compression 压缩方式")},
        bits={3: term("cipher 加密")},
    ),
    COMMAND,
    CONTENT,
)
PASS_UP = Layout("from peripheral", DEVICE, VENDOR, COMMAND, CONTENT)

SERIAL_FLAG = b"\x55\xaa"
SERIAL_HEAD = 8
SERIAL = Layout(
    "serial frame",
    Field("start", Raw(2), zh="起始位"),
    Field("length", U16, zh="包长度"),
    DEVICE,
    VENDOR,
    COMMAND,
    CONTENT,
)
"""ISU and meter: 55 AA, length of what follows up to the checksum, ..., checksum, 55 AA. Nothing is escaped."""


def serial_content(frame: bytes) -> bytes:
    """A serial frame -> what `SERIAL` reads. Raises ProtocolError."""
    length = int.from_bytes(frame[2:4], "big")
    if not frame.startswith(SERIAL_FLAG) or not frame.endswith(SERIAL_FLAG) or len(frame) != length + 7:
        raise ProtocolError("length", f"a serial frame of {len(frame)} bytes announces {length}")
    if length < SERIAL_HEAD - 4:
        raise ProtocolError("truncated", f"a serial frame of {length} bytes, at least {SERIAL_HEAD - 4} are needed")
    if xor(frame[2:-3]) != frame[-3]:
        raise ProtocolError("checksum", f"computed {xor(frame[2:-3]):02x}, got {frame[-3]:02x}")
    return frame[:-3]
