"""Video, JT/T 1078-2016: its signalling over JT/T 808 and its terminal parameters 0x0075-0x007C."""

from __future__ import annotations

from dataclasses import replace

from gateway.jtt import ACK_SERIAL
from gateway.wire.clocks import Clock, Stamp
from gateway.wire.conditions import Under
from gateway.wire.field import Field, term, terms
from gateway.wire.groups import Many, OneOf, Sized
from gateway.wire.kinds import U8, U16, U32, U64, Bcd, Raw
from gateway.wire.layout import Layout
from gateway.wire.texts import Text

ANY_TIME = Stamp("YYMMDDhhmmss", blank=True)
SHORT_TEXT = Sized(U8, Text())
CHANNEL_NUMBER = Field("channel", U8, zh="逻辑通道号")
VIDEO_ALARMS = terms(
    "signal_loss 视频信号丢失",
    "occlusion 视频信号遮挡",
    "storage_fault 存储单元故障",
    "other_fault 其他视频设备故障",
    "overload 客车超员",
    "abnormal_driving 异常驾驶行为",
    "recording_threshold 特殊报警录像达到存储阈值",
)
MEDIA_TYPE = Field(
    "media_type", U8, zh="音视频资源类型",
    codes=terms("av 音视频", "audio 音频", "video 视频", "video_or_av 视频或音视频"),
)  # fmt: skip
STREAM = Field("stream", U8, zh="码流类型", codes=terms("all 所有码流", "main 主码流", "sub 子码流"))
STORAGE = Field(
    "storage", U8, zh="存储器类型", codes=terms("all 所有", "main 主存储器", "backup 灾备存储器")
)  # fmt: skip
SPEED = Field(
    "speed", U8, zh="快进或快退倍数",
    codes=terms("none 无效", "x1 1倍", "x2 2倍", "x4 4倍", "x8 8倍", "x16 16倍"),
)  # fmt: skip
START, END = Field("start", ANY_TIME, zh="开始时间"), Field("end", ANY_TIME, zh="结束时间")
VIDEO_ALARM = Field("alarm", U64, zh="报警标志", bits={32 + bit: name for bit, name in VIDEO_ALARMS.items()})
SERVER = (
    Field("host", SHORT_TEXT, zh="服务器地址"),
    Field("tcp_port", U16, zh="服务器TCP端口"),
    Field("udp_port", U16, zh="服务器UDP端口"),
)

ATTRIBUTES = Layout(
    "audio and video",
    Field("audio_encoding", U8, zh="输入音频编码方式"),
    Field("audio_channels", U8, zh="输入音频声道数"),
    Field(
        "audio_rate", U8, zh="输入音频采样率",
        codes=terms("8k 8kHz", "22k 22.05kHz", "44k 44.1kHz", "48k 48kHz"),
    ),
    Field("audio_bits", U8, zh="输入音频采样位数", codes=terms("8 8位", "16 16位", "32 32位")),
    Field("audio_frame", U16, "bytes", "音频帧长度"),
    Field("audio_output", U8, zh="是否支持音频输出"),
    Field("video_encoding", U8, zh="视频编码方式"),
    Field("most_audio", U8, zh="最大音频物理通道数量"),
    Field("most_video", U8, zh="最大视频物理通道数量"),
)  # fmt: skip
PASSENGERS = Layout(
    "passengers",
    Field("start", Clock(), zh="起始时间"),
    Field("end", Clock(), zh="结束时间"),
    Field("boarded", U16, zh="上车人数"),
    Field("alighted", U16, zh="下车人数"),
)
LIVE = Layout(
    "live",
    *SERVER,
    CHANNEL_NUMBER,
    Field(
        "data_type", U8, zh="数据类型",
        codes=terms("av 音视频", "video 视频", "intercom 双向对讲", "monitor 监听", "broadcast 中心广播",
            "transparent 透传"),
    ),
    Field("stream", U8, zh="码流类型", codes=terms("main 主码流", "sub 子码流")),
)  # fmt: skip
LIVE_CONTROL = Layout(
    "live control",
    CHANNEL_NUMBER,
    Field(
        "command", U8, zh="控制指令",
        codes=terms("close 关闭", "switch_stream 切换码流", "pause 暂停", "resume 恢复", "close_intercom 关闭双向对讲"),
    ),
    Field("close", U8, zh="关闭音视频类型", codes=terms("all 全部", "audio 音频", "video 视频")),
    Field("stream", U8, zh="切换码流类型", codes=terms("main 主码流", "sub 子码流")),
)  # fmt: skip
LOSS = Layout("loss", CHANNEL_NUMBER, Field("loss", U8, "%", "丢包率"))
PLAYBACK = Layout(
    "playback",
    *SERVER,
    CHANNEL_NUMBER,
    MEDIA_TYPE,
    STREAM,
    STORAGE,
    Field(
        "mode", U8, zh="回放方式",
        codes=terms("normal 正常", "fast 快进", "key_frames_back 关键帧快退", "key_frames 关键帧播放",
            "single_frame 单帧上传"),
    ),
    SPEED,
    START,
    END,
)  # fmt: skip
PLAYBACK_CONTROL = Layout(
    "playback control",
    CHANNEL_NUMBER,
    Field(
        "command", U8, zh="回放控制",
        codes=terms("start 开始", "pause 暂停", "stop 结束", "fast 快进", "key_frames_back 关键帧快退", "seek 拖动",
            "key_frames 关键帧播放"),
    ),
    SPEED,
    Field("position", ANY_TIME, zh="拖动回放位置"),
)  # fmt: skip
SEARCH = (CHANNEL_NUMBER, START, END, VIDEO_ALARM, MEDIA_TYPE, STREAM, STORAGE)
SEARCH_RECORDINGS = Layout("search", *SEARCH)
RESOURCE = Layout("resource", *SEARCH, Field("size", U32, "bytes", "文件大小"))
RESOURCES = Layout("resources", ACK_SERIAL, Field("resources", Many(RESOURCE, U32), zh="音视频资源列表"))
UPLOAD = Layout(
    "upload",
    Field("host", SHORT_TEXT, zh="FTP服务器地址"),
    Field("port", U16, zh="端口"),
    Field("user", SHORT_TEXT, zh="用户名"),
    Field("password", SHORT_TEXT, zh="密码"),
    Field("path", SHORT_TEXT, zh="文件上传路径"),
    *SEARCH,
    Field("conditions", U8, zh="任务执行条件", bits=terms("wifi WIFI", "lan LAN", "mobile 3G/4G")),
)
UPLOADED = Layout("uploaded", ACK_SERIAL, Field("result", U8, zh="结果", codes=terms("ok 成功", "failed 失败")))
UPLOAD_CONTROL = Layout(
    "upload control",
    ACK_SERIAL,
    Field("command", U8, zh="上传控制", codes=terms("pause 暂停", "resume 继续", "cancel 取消")),
)


# what turns and sets a camera
ROTATE = Layout(
    "rotation",
    CHANNEL_NUMBER,
    Field("direction", U8, zh="方向", codes=terms("stop 停止", "up 上", "down 下", "left 左", "right 右")),
    Field("speed", U8, zh="速度"),
)
_WAY = Field("way", U8, zh="调整方式", codes=terms("more 调大", "less 调小"))
ADJUST = Layout("adjustment", CHANNEL_NUMBER, _WAY)
SWITCH = Layout("switch", CHANNEL_NUMBER, Field("on", U8, zh="启停标识", codes=terms("stop 停止", "start 启动")))

# the stream itself, on a port of its own
_SIM = Field("sim", Bcd(6), zh="SIM卡号")


def _packet(sim: Field) -> Layout:
    return Layout(
        "media packet",
        Field("magic", Raw(4), zh="帧头标识"),
        Field("rtp", U8, zh="V P X CC"),
        Field("payload", U8, zh="M, PT", ranges={(0, 7): term("type 负载类型")},
            bits={7: term("last 完整数据帧的边界")}),
        Field("sequence", U16, zh="包序号"),
        sim,
        CHANNEL_NUMBER,
        Field("kind", U8, zh="数据类型, 分包处理标记", ranges={
            (4, 4): term("data 0I帧1P帧2B帧3音频4透传"), (0, 4): term("part 0原子1首2末3中间"),
        }),
        Field("timestamp", U64, "ms", "时间戳", when=Under("kind", 0x40)),
        Field("since_key_frame", U16, "ms", "距上一关键帧间隔", when=Under("kind", 0x30)),
        Field("since_frame", U16, "ms", "距上一帧间隔", when=Under("kind", 0x30)),
        Field("data", Sized(U16, Raw()), zh="数据体"),
    )  # fmt: skip


PACKET = OneOf(_packet(_SIM), _packet(replace(_SIM, kind=Bcd(10))))
"""Units of the 2019 edition send their number in ten bytes."""


def _stream(name: str, zh: str) -> tuple[Field, ...]:
    modes = terms("cbr 固定码率", "vbr 可变码率", "abr 平均码率")
    return (
        Field(f"{name}_mode", U8, zh=f"{zh}编码模式", codes=modes),
        Field(f"{name}_resolution", U8, zh=f"{zh}分辨率"),
        Field(f"{name}_key_interval", U16, "frames", f"{zh}关键帧间隔"),
        Field(f"{name}_rate", U8, "fps", f"{zh}目标帧率"),
        Field(f"{name}_bit_rate", U32, "kbps", f"{zh}目标码率"),
    )


OSD = Field("osd", U16, zh="OSD字幕叠加设置")
CHANNEL = Layout(
    "channel",
    Field("physical", U8, zh="物理通道号"),
    Field("logical", U8, zh="逻辑通道号"),
    Field("type", U8, zh="通道类型", codes=terms("av 音视频", "audio 音频", "video 视频")),
    Field("ptz", U8, zh="是否连接云台"),
)
HOURS = Stamp("hhmm")
VIDEO_PARAMETERS = (
    (
        0x0075,
        Layout("video", *_stream("live", "实时流"), *_stream("stored", "存储流"), OSD, Field("audio_output", U8,
            zh="启用音频输出")),
    ),
    (
        0x0076,
        Layout(
            "channels",
            Field("av", U8, zh="音视频通道总数"), Field("audio", U8, zh="音频通道总数"),
            Field("video", U8, zh="视频通道总数"), Field("channels", Many(CHANNEL), zh="通道对照表"),
        ),
    ),
    (
        0x0077,
        Layout(
            "video_channels",
            Field(
                "channels",
                Many(
                    Layout(
                        "channel", Field("logical", U8, zh="逻辑通道号"), *_stream("live", "实时流"),
                        *_stream("stored", "存储流"), OSD,
                    ),
                    U8,
                ),
                zh="单独视频通道参数",
            ),
        ),
    ),
    (
        0x0079,
        Layout(
            "alarm_recording", Field("threshold", U8, "%", "特殊报警录像存储阈值"),
            Field("duration", U8, "min", "特殊报警录像持续时间"), Field("before", U8, "min", "特殊报警标识起始时间"),
        ),
    ),
    (0x007A, Layout("video_alarm_mask", Field("video_alarm_mask", U32, zh="视频相关报警屏蔽字", bits=VIDEO_ALARMS))),
    (
        0x007B,
        Layout("image_analysis", Field("passengers", U8, zh="车辆核载人数"), Field("fatigue", U8, zh="疲劳程度阈值")),
    ),
    (
        0x007C,
        Layout(
            "sleep",
            Field("mode", U8, zh="休眠唤醒模式",
                  bits=terms("condition 条件唤醒", "timed 定时唤醒", "manual 手动唤醒")),
            Field("condition", U8, zh="唤醒条件类型",
                  bits=terms("emergency 紧急报警", "collision 碰撞侧翻报警", "door 车辆开门")),
            Field("days", U8, zh="定时唤醒日设置"),
            Field("windows", U8, zh="日定时唤醒启用标志"),
            *(Field(f"{name}_{n}", HOURS, zh=f"时间段{n}{zh}时间")
              for n in range(1, 5) for name, zh in (("wake", "唤醒"), ("sleep", "关闭"))),
        ),
    ),
)  # fmt: skip
