"""ISU parameters of JT/T 905.2-2014: ids of two bytes."""

from __future__ import annotations

from gateway.jtt import CAMERA_PARAMETERS, TENTHS
from gateway.protocols.jt905.position import ALARM_BITS
from gateway.wire.field import terms
from gateway.wire.kinds import U8, U16, U32, Bcd
from gateway.wire.parameters import row, table
from gateway.wire.texts import Text

TEXT = Text()
PLANS = terms("acc ACC状态", "occupied 空重车状态", "login_acc 登录状态+ACC", "login_occupied 登录状态+空重车")
STATES = (
    ("not_logged_in", "未登录"), ("acc_off", "ACC OFF"), ("acc_on", "ACC ON"), ("vacant", "空车"), ("occupied", "重车"),
    ("asleep", "休眠"), ("emergency", "紧急报警"),
)  # fmt: skip
ROWS = (
    row(0x0001, "heartbeat_interval", U32, "ISU心跳发送间隔", "s"),
    row(0x0002, "tcp_timeout", U32, "TCP消息应答超时时间", "s"),
    row(0x0003, "tcp_retries", U32, "TCP消息重传次数"),
    row(0x0004, "sms_timeout", U32, "SMS消息应答超时时间", "s"),
    row(0x0005, "sms_retries", U32, "SMS消息重传次数"),
    row(0x0010, "apn", TEXT, "主服务器APN"),
    row(0x0011, "apn_user", TEXT, "主服务器拨号用户名"),
    row(0x0012, "apn_password", TEXT, "主服务器拨号密码"),
    row(0x0013, "host", TEXT, "主服务器地址"),
    row(0x0014, "backup_apn", TEXT, "备份服务器APN"),
    row(0x0015, "backup_apn_user", TEXT, "备份服务器拨号用户名"),
    row(0x0016, "backup_apn_password", TEXT, "备份服务器拨号密码"),
    row(0x0017, "backup_host", TEXT, "备份服务器地址"),
    row(0x0018, "tcp_port", U32, "主服务器TCP端口"),
    row(0x0019, "backup_tcp_port", U32, "备份服务器TCP端口"),
    row(0x001A, "payment_host", TEXT, "一卡通主服务器地址"),
    row(0x001B, "payment_port", U32, "一卡通主服务器TCP端口"),
    row(0x001C, "payment_backup_host", TEXT, "一卡通备份服务器地址"),
    row(0x001D, "payment_backup_port", U32, "一卡通备份服务器TCP端口"),
    row(0x0020, "report_strategy", U32, "位置汇报策略", codes=terms("time 定时", "distance 定距", "both 定时和定距")),
    row(0x0021, "report_plan", U32, "位置汇报方案", codes=PLANS),
    *(row(0x0022 + i, f"interval_{name}", U32, f"{zh}汇报时间间隔", "s") for i, (name, zh) in enumerate(STATES)),
    *(row(0x0029 + i, f"distance_{name}", U32, f"{zh}汇报距离间隔", "m") for i, (name, zh) in enumerate(STATES)),
    row(0x0030, "corner_angle", U32, "拐点补传角度", "deg"),
    row(0x0040, "platform_phone", TEXT, "监控指挥中心电话号码"),
    row(0x0041, "reset_phone", TEXT, "复位电话号码"),
    row(0x0042, "factory_reset_phone", TEXT, "恢复出厂设置电话号码"),
    row(0x0043, "platform_sms_phone", TEXT, "监控指挥中心SMS电话号码"),
    row(0x0044, "alarm_sms_phone", TEXT, "接收ISU SMS文本报警号码"),
    row(0x0045, "answer_strategy", U32, "ISU电话接听策略"),
    row(0x0046, "longest_call", U32, "每次最长通话时间", "s"),
    row(0x0047, "longest_calls_month", U32, "当月最长通话时间", "s"),
    row(0x0048, "short_number_length", U32, "电话短号长度"),
    row(0x0049, "monitor_phone", TEXT, "监听电话号码"),
    row(0x004A, "maintenance_password", TEXT, "ISU维护密码"),
    row(0x004B, "tts_volume", U8, "TTS音量"),
    row(0x0050, "alarm_mask", U32, "报警屏蔽字", bits=ALARM_BITS),
    row(0x0051, "alarm_sms", U32, "报警发送文本SMS开关", bits=ALARM_BITS),
    row(0x0052, "alarm_shot", U32, "报警拍摄开关", bits=ALARM_BITS),
    row(0x0053, "alarm_shot_store", U32, "报警拍摄存储标志", bits=ALARM_BITS),
    row(0x0055, "max_speed", U32, "最高速度", "km/h"),
    row(0x0056, "overspeed_time", U32, "超速持续时间", "s"),
    row(0x0057, "continuous_driving", U32, "连续驾驶时间门限", "s"),
    row(0x0058, "least_rest", U32, "最小休息时间", "s"),
    row(0x0059, "longest_parking", U32, "最长停车时间", "s"),
    row(0x005A, "daily_driving", U32, "当天累计驾驶时间门限", "s"),
    *(row(number, name, U32, zh) for number, name, zh in CAMERA_PARAMETERS),
    row(0x0080, "odometer", TENTHS, "车辆里程表读数", "km"),
    row(0x0081, "province", U32, "车辆所在的省域ID"),
    row(0x0082, "city", U32, "车辆所在的市域ID"),
    row(0x0090, "trip_limit", Bcd(2), "计价器营运次数限制"),
    row(0x0091, "time_limit", Bcd(5), "计价器营运时间限制 YYYYMMDDhh"),
    row(0x0092, "company_licence", TEXT, "企业经营许可证号"),
    row(0x0093, "company", TEXT, "企业简称"),
    row(0x0094, "plate", TEXT, "车牌号码"),
    row(0x00A0, "recording_mode", U8, "录音模式"),
    row(0x00A1, "recording_length", U8, "录音文件最大时长", "min"),
    row(0x00A2, "lcd_heartbeat", U8, "液晶(LCD)心跳时间间隔", "s"),
    row(0x00A3, "led_heartbeat", U8, "LED心跳时间间隔", "s"),
    row(0x00AF, "sleep_delay", U16, "ACC OFF后进入休眠的时间", "s"),
    row(0x00B0, "video_transport", U8, "视频服务器协议模式", codes=terms("tcp TCP", "udp UDP")),
    row(0x00B1, "video_apn", TEXT, "视频服务器APN"),
    row(0x00B2, "video_apn_user", TEXT, "视频服务器拨号用户名"),
    row(0x00B3, "video_apn_password", TEXT, "视频服务器拨号密码"),
    row(0x00B4, "video_host", TEXT, "视频服务器地址"),
    row(0x00B5, "video_port", U32, "视频服务器端口"),
)
PARAMETERS = table(ROWS)
