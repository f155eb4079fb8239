"""Terminal parameters of JT/T 808 (2013: 8.9, tables 12-14; 2019), JT/T 1078-2016 and T/JSATL 12-2017."""

from __future__ import annotations

from fractions import Fraction

from gateway.jtt import CAMERA_PARAMETERS, TENTHS
from gateway.protocols.jt808.position import ALARM_BITS, ALARM_BITS_2019
from gateway.protocols.jt808.safety import SAFETY_PARAMETERS
from gateway.protocols.jt808.video import VIDEO_PARAMETERS
from gateway.wire.field import Field, term, terms
from gateway.wire.items import Table
from gateway.wire.kinds import U8, U16, U32, Number, Raw
from gateway.wire.layout import Layout
from gateway.wire.parameters import row, table
from gateway.wire.texts import Text

TEXT = Text()
MASKED = {**ALARM_BITS, **ALARM_BITS_2019}
"""A table of parameters has no edition: 2019's names, and those that only the older editions have."""
PHOTO_BITS = {
    **{bit: term(f"channel_{bit + 1} 通道{bit + 1}拍照") for bit in range(5)},
    **{8 + bit: term(f"upload_{bit + 1} 通道{bit + 1}上传") for bit in range(5)},
    16: term("minutes_or_km 单位为分或公里"),
}
PHOTO_RANGES = {(17, 15): term("interval 间隔")}
GNSS_BITS = terms("gps GPS", "beidou 北斗", "glonass GLONASS", "galileo Galileo")
COLLISION = {(0, 8): term("time 碰撞时间"), (8, 8): term("acceleration_0.1g 碰撞加速度")}
STRATEGIES = terms("time 定时", "distance 定距", "both 定时和定距")

LINKS = (
    row(0x0001, "heartbeat_interval", U32, "终端心跳发送间隔", "s"),
    row(0x0002, "tcp_timeout", U32, "TCP消息应答超时时间", "s"),
    row(0x0003, "tcp_retries", U32, "TCP消息重传次数"),
    row(0x0004, "udp_timeout", U32, "UDP消息应答超时时间", "s"),
    row(0x0005, "udp_retries", U32, "UDP消息重传次数"),
    row(0x0006, "sms_timeout", U32, "SMS消息应答超时时间", "s"),
    row(0x0007, "sms_retries", U32, "SMS消息重传次数"),
    row(0x0010, "apn", TEXT, "主服务器APN"),
    row(0x0011, "apn_user", TEXT, "主服务器拨号用户名"),
    row(0x0012, "apn_password", TEXT, "主服务器拨号密码"),
    row(0x0013, "host", TEXT, "主服务器地址"),
    row(0x0014, "backup_apn", TEXT, "备份服务器APN"),
    row(0x0015, "backup_apn_user", TEXT, "备份服务器拨号用户名"),
    row(0x0016, "backup_apn_password", TEXT, "备份服务器拨号密码"),
    row(0x0017, "backup_host", TEXT, "备份服务器地址"),
    row(0x0018, "tcp_port", U32, "服务器TCP端口"),
    row(0x0019, "udp_port", U32, "服务器UDP端口"),
    row(0x001A, "card_host", TEXT, "IC卡认证主服务器地址"),
    row(0x001B, "card_tcp_port", U32, "IC卡认证主服务器TCP端口"),
    row(0x001C, "card_udp_port", U32, "IC卡认证主服务器UDP端口"),
    row(0x001D, "card_backup_host", TEXT, "IC卡认证备份服务器地址"),
    row(0x0023, "slave_apn", TEXT, "从服务器APN (2019)"),
    row(0x0024, "slave_apn_user", TEXT, "从服务器拨号用户名 (2019)"),
    row(0x0025, "slave_apn_password", TEXT, "从服务器拨号密码 (2019)"),
    row(0x0026, "slave_host", TEXT, "从服务器地址 (2019)"),
)
REPORTING = (
    row(0x0020, "report_strategy", U32, "位置汇报策略", codes=STRATEGIES),
    row(0x0021, "report_plan", U32, "位置汇报方案", codes=terms("acc 根据ACC", "login 先登录后ACC")),
    row(0x0022, "interval_not_logged_in", U32, "驾驶员未登录汇报时间间隔", "s"),
    row(0x0027, "interval_asleep", U32, "休眠时汇报时间间隔", "s"),
    row(0x0028, "interval_emergency", U32, "紧急报警时汇报时间间隔", "s"),
    row(0x0029, "interval_default", U32, "缺省时间汇报间隔", "s"),
    row(0x002C, "distance_default", U32, "缺省距离汇报间隔", "m"),
    row(0x002D, "distance_not_logged_in", U32, "驾驶员未登录汇报距离间隔", "m"),
    row(0x002E, "distance_asleep", U32, "休眠时汇报距离间隔", "m"),
    row(0x002F, "distance_emergency", U32, "紧急报警时汇报距离间隔", "m"),
    row(0x0030, "corner_angle", U32, "拐点补传角度", "deg"),
    row(0x0031, "displacement_radius", U16, "电子围栏半径", "m"),
    row(0x0032, "forbidden_hours", Raw(4), "违规行驶时段, 起时分止时分 (2019)"),
)
CALLS = (
    row(0x0040, "platform_phone", TEXT, "监控平台电话号码"),
    row(0x0041, "reset_phone", TEXT, "复位电话号码"),
    row(0x0042, "factory_reset_phone", TEXT, "恢复出厂设置电话号码"),
    row(0x0043, "platform_sms_phone", TEXT, "监控平台SMS电话号码"),
    row(0x0044, "alarm_sms_phone", TEXT, "接收终端SMS文本报警号码"),
    row(
        0x0045,
        "answer_strategy",
        U32,
        "终端电话接听策略",
        codes=terms("automatic 自动", "acc ACC开时自动"),
    ),
    row(0x0046, "longest_call", U32, "每次最长通话时间", "s"),
    row(0x0047, "longest_calls_month", U32, "当月最长通话时间", "s"),
    row(0x0048, "monitor_phone", TEXT, "监听电话号码"),
    row(0x0049, "privileged_sms_phone", TEXT, "监管平台特权短信号码"),
)
ALARMS = (
    row(0x0050, "alarm_mask", U32, "报警屏蔽字", bits=MASKED),
    row(0x0051, "alarm_sms", U32, "报警发送文本SMS开关", bits=MASKED),
    row(0x0052, "alarm_shot", U32, "报警拍摄开关", bits=MASKED),
    row(0x0053, "alarm_shot_store", U32, "报警拍摄存储标志", bits=MASKED),
    row(0x0054, "key_alarms", U32, "关键标志", bits=MASKED),
    row(0x0055, "max_speed", U32, "最高速度", "km/h"),
    row(0x0056, "overspeed_time", U32, "超速持续时间", "s"),
    row(0x0057, "continuous_driving", U32, "连续驾驶时间门限", "s"),
    row(0x0058, "daily_driving", U32, "当天累计驾驶时间门限", "s"),
    row(0x0059, "least_rest", U32, "最小休息时间", "s"),
    row(0x005A, "longest_parking", U32, "最长停车时间", "s"),
    row(0x005B, "overspeed_warning", Number("H", Fraction(1, 10)), "超速预警差值", "km/h"),
    row(0x005C, "fatigue_warning", U16, "疲劳驾驶预警差值", "s"),
    row(0x005D, "collision", U16, "碰撞报警参数, 时间单位2013为4ms, 2019为ms", ranges=COLLISION),
    row(0x005E, "rollover_angle", U16, "侧翻角度", "deg"),
)
CAMERAS = (
    row(0x0064, "timed_photo", U32, "定时拍照控制", bits=PHOTO_BITS, ranges=PHOTO_RANGES),
    row(0x0065, "distance_photo", U32, "定距拍照控制", bits=PHOTO_BITS, ranges=PHOTO_RANGES),
    *(row(number, name, U32, zh) for number, name, zh in CAMERA_PARAMETERS),
)
VEHICLE = (
    row(0x0080, "odometer", TENTHS, "车辆里程表读数", "km"),
    row(0x0081, "province", U16, "车辆所在的省域ID"),
    row(0x0082, "city", U16, "车辆所在的市域ID"),
    row(0x0083, "plate", TEXT, "机动车号牌"),
    row(0x0084, "plate_color", U8, "车牌颜色"),
    row(0x0090, "gnss_mode", U8, "GNSS定位模式", bits=GNSS_BITS),
    row(0x0091, "gnss_baud_rate", U8, "GNSS波特率"),
    row(0x0092, "gnss_output_rate", U8, "GNSS模块详细定位数据输出频率"),
    row(0x0093, "gnss_sample_interval", U32, "GNSS模块详细定位数据采集频率", "s"),
    row(0x0094, "gnss_upload_mode", U8, "GNSS模块详细定位数据上传方式"),
    row(0x0095, "gnss_upload_setting", U32, "GNSS模块详细定位数据上传设置"),
    row(0x0100, "can1_sample_interval", U32, "CAN总线通道1采集时间间隔", "ms"),
    row(0x0101, "can1_upload_interval", U16, "CAN总线通道1上传时间间隔", "s"),
    row(0x0102, "can2_sample_interval", U32, "CAN总线通道2采集时间间隔", "ms"),
    row(0x0103, "can2_upload_interval", U16, "CAN总线通道2上传时间间隔", "s"),
)


CAN_ID = Field(
    "can", U32, zh="CAN ID", ranges={(0, 29): term("id 总线ID")},
    bits=terms("average 采集区间平均值", "extended 扩展帧", "can2 CAN2", start=29),
)  # fmt: skip
CAN_SAMPLING = Layout("can_sampling", Field("interval", U32, "ms", "采集时间间隔"), CAN_ID)
PARAMETERS: Table = {
    **{(number, 8): CAN_SAMPLING for number in range(0x0110, 0x0200)},
    **table((*LINKS, *REPORTING, *CALLS, *ALARMS, *CAMERAS, *VEHICLE)),
    **{(number, None): layout for number, layout in (*VIDEO_PARAMETERS, *SAFETY_PARAMETERS)},
}
