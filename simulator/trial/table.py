"""The table of a comparison, what it comes to, and where it loses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from simulator.trial.compare import BASELINE, OURS, Case

HEAD = (
    ("town", 8), ("load", 7), ("way", 9), ("wait", 6), ("p95", 6), ("confirm", 8), ("answer", 7), ("elderly", 8),
    ("others", 7), ("eld.ans", 8), ("oth.ans", 8), ("empty", 6), ("share", 6), ("Gini", 6),
)  # fmt: skip
LEGEND = (
    "wait, p95    minutes from the call to the taxi at the door, mean and 95th percentile  平均、95 分位候车时间",
    "confirm      minutes from the call to a confirmed taxi                                平均应答时间",
    "answer       share of the calls to which a taxi came                                  电召成功率",
    "elderly, others  mean wait; eld.ans, oth.ans  share answered                          老年乘客、其他乘客",
    "empty        km without a passenger for each fare; share  of the way                  空驶里程、空驶率",
    "nearest      first come, first served, each by the nearest vacant taxi; near  only within 15 minutes, not 30",
    "Gini         of drivers' income                                                       司机收入基尼系数",
)
WORSE = {
    "wait_s": (1, "waits longer, s"),
    "p95_s": (1, "its longest waits (p95) are longer, s"),
    "confirm_s": (1, "tells callers later that a taxi comes, s"),
    "answered": (-1, "answers fewer calls, share"),
    "elderly_s": (1, "lets the elderly wait longer, s"),
    "elderly_answered": (-1, "answers fewer of the elderly, share"),
    "empty_km": (1, "drives farther without a passenger, km a fare"),
    "gini": (1, "drivers' incomes are less equal, Gini"),
}
"""Measure -> the sign of what is worse, and the words for it."""
SURE = 2.0
"""Standard errors from which a difference is called one."""


def head() -> str:
    return _line([name for name, _ in HEAD])


def rows(case: Case) -> Iterable[str]:
    """One for each way."""
    for way in case.found:
        m = {name: case.mean(way, name) for name in case.found[way]}
        yield _line(
            (
                case.town, case.load, way, f"{m['wait_s'] / 60:.1f}", f"{m['p95_s'] / 60:.1f}",
                f"{m['confirm_s'] / 60:.2f}", f"{m['answered']:.1%}", f"{m['elderly_s'] / 60:.1f}",
                f"{m['others_s'] / 60:.1f}", f"{m['elderly_answered']:.1%}", f"{m['others_answered']:.1%}",
                f"{m['empty_km']:.1f}", f"{m['empty_share']:.0%}", f"{m['gini']:.3f}",
            )
        )  # fmt: skip


def summary(case: Case, than: str = BASELINE) -> str:
    """What our way comes to against another one."""
    seeds = len(case.found[OURS]["wait_s"])
    shorter = int((case.found[OURS]["wait_s"] < case.found[than]["wait_s"]).sum())
    waits, longest = (case.change(name, than=than) for name in ("wait_s", "p95_s"))
    return (
        f"{case.town}, {case.load} ({case.per_h:.0f} riders in the busiest hour), against {than}:"
        f" mean wait {waits:+.0%}, shorter in {shorter} of {seeds} trials; p95 {longest:+.0%};"
        f" answered {100 * case.more('answered', than=than)[0]:+.1f} points"
    )


def losses(case: Case, than: str = BASELINE) -> Iterable[str]:
    """Measures in which our way is worse than another one, beyond chance."""
    for measure, (sign, words) in WORSE.items():
        mean, error = case.more(measure, than=than)
        if sign * mean > SURE * error:
            digits = 3 if abs(mean) < 1 else 1
            yield f"{case.town}, {case.load}, against {than}: {words} {mean:+.{digits}f} ± {error:.{digits}f}"


def age_gap(case: Case) -> str:
    """How the elderly fare beside others with us."""
    mean, error = case.elderly_longer
    word = "longer" if mean > SURE * error else "no longer, beyond chance,"
    return f"{case.town}, {case.load}: the elderly wait {word} than others: {mean:+.0f} ± {error:.0f} s"


def _line(cells: Sequence[str]) -> str:
    left, widths = 3, [width for _, width in HEAD]
    padded = [cell.ljust(width) for cell, width in zip(cells[:left], widths, strict=False)]
    return "".join(padded + [cell.rjust(width) for cell, width in zip(cells[left:], widths[left:], strict=True)])
