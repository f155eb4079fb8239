"""A pack's evidence for people and for other programs: CSV, GeoJSON, messages as they came, and a page to read.

All of it is made of what was sealed and nothing else, so that whoever checks a pack can make it again and compare.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

from gateway.report import Flag, Status, moment
from tracking import ground
from tracking.audit.finding import SECONDS
from tracking.evidence.checkpoint import Checkpoint
from tracking.evidence.pack import Evidence

COLUMNS = (
    "time", "terminal", "lat", "lon", "speed_kmh", "course", "odometer_m", "occupied", "believed", "received",
    "identity", "attributes",
)  # fmt: skip
RULES = {
    "detour": ("绕路", "detour"), "overcharge": ("多计里程", "overcharge"), "meter_off": ("不打表", "meter off"),
    "meter_on_empty": ("空车打表", "meter on while empty"), "out_of_area": ("异地营运", "out of area"),
    "gps_off": ("关闭定位", "positioning switched off"), "cloned_plate": ("套牌", "cloned plate"),
    "hours": ("疲劳驾驶", "too long at the wheel"), "forbidden_road": ("禁行", "forbidden road"),
}  # fmt: skip
LEVELS = {"lead": ("线索", "lead"), "notify": ("建议核实", "worth asking")}
STATES = {"lead": ("线索", "lead"), "withdrawn": ("已撤回", "withdrawn")}
STYLE = """
body{font:14px/1.5 "Noto Sans CJK SC","Microsoft YaHei","PingFang SC",sans-serif;max-width:48em;margin:2em auto;
padding:0 1em;color:#111}h1{font-size:20px}h2{font-size:16px;margin:1.2em 0 .3em}table{border-collapse:collapse;
width:100%}td,th{border:1px solid #bbb;padding:.2em .5em;text-align:left;vertical-align:top}small{color:#555}
table.kept td:first-child{white-space:nowrap;width:12em}
code{font-size:12px;word-break:break-all}svg{width:100%;height:auto;border:1px solid #bbb;background:#fafafa}
@page{size:A4;margin:10mm}
@media print{body{margin:0;font-size:11px;line-height:1.3;max-width:none}h1{font-size:15px;margin:0}}
"""
NOTE = """
<p>离线核验：请先向主管部门或持有封条副本的单位核对公钥，然后运行
<br><small>To check this pack without a network, compare the public key with the one that the bureau, or a holder of its
checkpoints, tells you, and run</small>
<br><code>python -m tracking evidence verify PACK.zip --key public.pem [--checkpoints COPY.jsonl]</code></p>
<p>封条证明这些数据在封存时已经存在、此后未被改动，不证明终端所报属实。
<br><small>A seal proves that this was there when it was sealed and was not changed since, not that the terminal said
the truth.</small></p>
"""
WIDTH, HEIGHT, MARGIN = 720.0, 260.0, 20.0
"""Of the drawing of the track."""


def readable(evidence: Evidence, chain: Sequence[Checkpoint]) -> dict[str, bytes]:
    """Files by name. Raises ValueError, KeyError, TypeError or IndexError where the evidence tells of no trip."""
    messages = {
        f"messages/{int(one['key'])}-{one['name']}.bin": bytes.fromhex(one["frame"])
        for one in evidence.records("message")
    }
    return {
        "fixes.csv": _csv(evidence).encode("utf-8-sig"), "track.geojson": _geojson(evidence).encode(),
        "report.html": _page(evidence, chain).encode(), **messages,
    }  # fmt: skip


def _rows(evidence: Evidence) -> Iterator[tuple[Any, ...]]:
    for fix in evidence.fixes():
        yield (
            _iso(fix["time"]), fix["terminal"], fix["lat"], fix["lon"], _number(fix["speed"] * 3.6),
            _number(fix["course"]), _number(fix["odometer"]), int(bool(fix["status"] & Status.OCCUPIED)),
            int(_believed(fix)), _iso(fix["received"]), f"{fix['identity'] & (1 << 64) - 1:016x}", fix["attributes"],
        )  # fmt: skip


def _csv(evidence: Evidence) -> str:
    text = io.StringIO(newline="")
    out = csv.writer(text, lineterminator="\r\n")
    out.writerow(COLUMNS)
    out.writerows(_rows(evidence))
    return text.getvalue()


def _geojson(evidence: Evidence) -> str:
    track = _track(evidence)
    features = [
        {
            "type": "Feature", "geometry": {"type": "LineString", "coordinates": [[lon, lat] for lat, lon in track]},
            "properties": {"plate": evidence.plate, "start": evidence.start, "finish": evidence.finish},
        }
    ] if len(track) > 1 else []  # fmt: skip
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False, indent=1)


def _believed(fix: Mapping[str, Any]) -> bool:
    placed = math.isfinite(fix["lat"]) and math.isfinite(fix["lon"])
    return placed and not fix["flags"] & (Flag.NO_FIX | Flag.CLOCK | Flag.PLACE | Flag.ENCRYPTED | Flag.MOTION)


def _track(evidence: Evidence) -> list[tuple[float, float]]:
    """Believed places, (lat, lon) in degrees."""
    return [(fix["lat"], fix["lon"]) for fix in evidence.fixes() if _believed(fix)]


def _iso(microseconds: int) -> str:
    return moment(microseconds).isoformat().replace("+00:00", "Z")


def _number(value: float | None, unit: str = "", digits: int = 1) -> str:
    return "" if value is None or not math.isfinite(value) else f"{value:.{digits}f}{unit}"


def _km(metres: float | None) -> str:
    return "" if metres is None else _number(metres / 1000, " km", 3)


# the page


def _page(evidence: Evidence, chain: Sequence[Checkpoint]) -> str:
    """One page in Chinese and English that needs no network."""
    title = f"{evidence.plate} {_local(evidence.start, evidence)} – {_local(evidence.finish, evidence)}"
    body = [
        f"<h1>行程证据 Evidence of a trip<br>{escape(title)}</h1>",
        "<p>线索不是结论，须经复核和申辩后方可认定。",
        "<br><small>Findings are leads, never verdicts: they are decided after the driver was heard.</small></p>",
        *_trip(evidence), _drawing(_track(evidence)), *_findings(evidence), *_proof(evidence, chain),
    ]  # fmt: skip
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
    return f'<!doctype html><html lang="zh"><head>{head}</head><body>\n' + "\n".join(body) + "\n</body></html>\n"


def _local(text: str, evidence: Evidence) -> str:
    return f"{datetime.fromisoformat(text).astimezone(ZoneInfo(evidence.zone)):%Y-%m-%d %H:%M:%S}"


def _table(rows: Sequence[Sequence[str]], head: Sequence[str] = ()) -> str:
    top = "<tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in head) + "</tr>" if head else ""
    lines = ("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    kept = "" if head else ' class="kept"'
    return f"<table{kept}>{top}{''.join(lines)}</table>"


def _trip(evidence: Evidence) -> Iterator[str]:
    fixes = evidence.fixes()
    rows = [
        ("车牌 Plate", evidence.plate), ("时区 Time zone", evidence.zone),
        ("定位数 Fixes", f"{len(fixes)}, {len(_track(evidence))} 可信 believed"),
        ("终端 Terminal", ", ".join(sorted({fix["terminal"] for fix in fixes}))),
    ]  # fmt: skip
    for trip in evidence.records("trip"):
        rows += [
            ("定位里程 Along the fixes", _km(trip["length"])),
            ("路网里程 On roads", f"{_km(trip['matched'])}, 置信 confidence {_number(trip['confidence'], '', 2)}"),
            ("计价里程 By the meter", _km(trip["metered"]) or "无记录 no record"),
            ("车费 Fare", f"¥{trip['fare']}" if trip["fare"] is not None else "无记录 no record"),
            ("最长间隔 Longest silence", _number(trip["longest_gap"], " s", 0)),
            ("阈值版本 Thresholds since", str(trip["audited"])), ("路网 Road network", f"SHA-256 {trip['roads']}"),
        ]  # fmt: skip
        yield _table(rows)
        yield from _ways(trip["ways"] or [])
        return
    yield _table(rows)


def _ways(ways: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    names: list[str] = []
    for way in ways:
        name = str(way.get("name") or way["way"])
        if not names or names[-1] != name:
            names.append(name)
    if names:
        yield f"<p>所经道路 Roads in order (OpenStreetMap): {escape(' → '.join(names))}</p>"


def _findings(evidence: Evidence) -> Iterator[str]:
    yield "<h2>线索 Findings</h2>"
    found = evidence.records("finding")
    if not found:
        yield "<p>无 None</p>"
        return
    rows = []
    for one in found:
        unit = "s" if one["rule"] in SECONDS else "m"
        limits = ", ".join(f"{name} {value:g}" for name, value in sorted(one["thresholds"].items()))
        rows.append(
            (
                " ".join(RULES.get(one["rule"], (one["rule"],))), " ".join(LEVELS.get(one["level"], (one["level"],))),
                f"{one['measured']:.0f} {unit}", f"{one['allowed']:.0f} {unit}", f"{one['confidence']:.2f}",
                f"{limits} ({one['edition']})", " ".join(STATES.get(one["state"], (one["state"],))),
            )
        )  # fmt: skip
    head = (
        "规则 Rule",
        "级别 Level",
        "实测 Measured",
        "允许 Allowed",
        "置信 Confidence",
        "阈值 Thresholds",
        "状态 State",
    )
    yield _table(rows, head)


def _proof(evidence: Evidence, chain: Sequence[Checkpoint]) -> Iterator[str]:
    headers = {one.header.number: one.header for one in chain}
    seals = sorted({place.seal for place in evidence.places})
    yield "<h2>封存 Seals</h2>"
    rows = [(str(number), _local(headers[number].at, evidence), headers[number].root) for number in seals]
    yield _table(rows, ("封条 Seal", "封存时间 Sealed at", "根 Root (SHA-256)"))
    key, last = chain[-1].header.key, chain[-1]
    yield f"<p>公钥 Public key: <code>{escape(key)}</code><br>"
    yield f"最后一个封条 Last seal {last.header.number}: <code>{last.hash}</code></p>"
    yield NOTE


def _drawing(track: Sequence[tuple[float, float]]) -> str:
    """The track, north up, to scale."""
    if len(track) < 2:
        return "<p>无可信位置 No believed place</p>"
    south, north = min(lat for lat, _ in track), max(lat for lat, _ in track)
    west, east = min(lon for _, lon in track), max(lon for _, lon in track)
    across = max(ground.metres(south, west, south, east), 1.0)
    up = max(ground.metres(south, west, north, west), 1.0)
    scale = min((WIDTH - 2 * MARGIN) / across, (HEIGHT - 2 * MARGIN) / up)

    def at(lat: float, lon: float) -> tuple[float, float]:
        x = MARGIN + scale * across * (lon - west) / max(east - west, 1e-12)
        return x, HEIGHT - MARGIN - scale * up * (lat - south) / max(north - south, 1e-12)

    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*place) for place in track))
    ends = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}"/><text x="{x + 8:.1f}" y="{y + 4:.1f}">{name}</text>'
        for (x, y), colour, name in ((at(*track[0]), "#0a0", "起 start"), (at(*track[-1]), "#c00", "终 end"))
    )
    bar = 10 ** math.floor(math.log10(across))
    ruler = (
        f'<path d="M{WIDTH - MARGIN - bar * scale:.1f} {MARGIN:.1f}h{bar * scale:.1f}" stroke="#555" stroke-width="3"/>'
        f'<text x="{WIDTH - MARGIN:.1f}" y="{MARGIN + 16:.1f}" text-anchor="end">{bar:g} m</text>'
    )
    path = f'<polyline points="{line}" fill="none" stroke="#06c" stroke-width="2"/>'
    return f'<svg viewBox="0 0 {WIDTH:g} {HEIGHT:g}" font-size="12">{path}{ends}{ruler}</svg>'
