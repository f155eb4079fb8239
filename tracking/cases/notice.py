"""What a driver is told of a finding: what was seen, what it rests on, that it is no verdict, what he may do. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo

from tracking.audit.finding import SECONDS, Rule

ZH: dict[Rule, str] = {
    Rule.DETOUR: "载客途中实际行驶{measured}，而合理路线中最长的一条为{allowed}",
    Rule.OVERCHARGE: "计价器记录里程{measured}，而按定位数据行驶{allowed}",
    Rule.METER_OFF: "车上有乘客而计价器未启用，行驶{measured}（界限{allowed}）",
    Rule.METER_ON_EMPTY: "计价器运行{measured}，而车辆停在原地（界限{allowed}）",
    Rule.OUT_OF_AREA: "载客的起点和终点均在许可区域以外{measured}（界限{allowed}）",
    Rule.GPS_OFF: "定位中断，恢复时车辆已在{measured}以外（界限{allowed}）",
    Rule.CLONED_PLATE: "同一车牌在相距{measured}的两处交替出现（界限{allowed}）",
    Rule.HOURS: "连续驾驶{measured}而未按规定休息（界限{allowed}）",
    Rule.FORBIDDEN_ROAD: "在禁行道路上行驶{measured}（界限{allowed}）",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the notice tells of a finding; `driver`: number of the certificate, "" where nobody was signed in."""

    case: int
    rule: Rule
    plate: str
    driver: str
    start: datetime
    finish: datetime
    measured: float
    allowed: float
    confidence: float
    edition: str


def notice(facts: Facts, deadline: datetime, zone: tzinfo) -> str:
    """The text for the driver (告知书)."""
    start, finish, until = (at.astimezone(zone) for at in (facts.start, facts.finish, deadline))
    who = f"（从业资格证号 {facts.driver}）" if facts.driver else ""
    shown = ZH[facts.rule].format(
        measured=_amount(facts.rule, facts.measured), allowed=_amount(facts.rule, facts.allowed)
    )
    return (
        f"告知书（第 {facts.case} 号）\n"
        f"{facts.plate} 驾驶员{who}：\n"
        f"您于 {_time(start)} 至 {_time(finish)} 驾驶上述车辆，{shown}。"
        f"依据：{facts.edition} 起施行的核查界限，可信度 {facts.confidence:.0%}。\n"
        "以上是核查线索，不是处理决定。\n"
        f"您可以在 {_time(until)} 之前陈述、申辩并提交证据，也可以查阅所依据的定位数据和计价器记录。"
        "逾期不作陈述的，不影响继续核查。处理意见由一名核查人员提出，由另一名核查人员复核后决定。"
    )  # fmt: skip


def _time(at: datetime) -> str:
    return f"{at.year}年{at.month}月{at.day}日{at:%H:%M}"


def _amount(rule: Rule, value: float) -> str:
    if rule in SECONDS:
        minutes = round(value / 60)
        return f"{minutes // 60} 小时 {minutes % 60} 分" if minutes >= 60 else f"{minutes} 分"
    return f"{value / 1000:.2f} 公里" if value >= 1000 else f"{value:.0f} 米"
