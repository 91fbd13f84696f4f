"""Writes docs/performance.md from the figures that the benchmarks left in benchmarks/results.

`python tools/performance_page.py` writes it; `--check` writes nothing and exits with 1 where it is out of date.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tools import performance_words as words  # noqa: E402 - tools is no package that is installed
from tools.performance_goals import GOALS, NOT_MEASURED, Figures  # noqa: E402 - tools is no package that is installed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

PAGE: Final = Path("docs/performance.md")
RESULTS: Final = Path("benchmarks/results")
_PEER: Final = "oidc-provider"
_WAYS: Final = {"list": "status list", "feed": "live feed"}
_WAYS_TO_ROTATE: Final = {"planned": "planned", "at once": "at once, before anybody could know the key"}
_ROTATION_FIGURES: Final = {
    "rotations": "rotations",
    "seconds": "seconds",
    "tokens": "tokens",
    "tokens_per_second": "tokens a second",
    "judged": "judged",
    "refused": "**refused**",
    "not_judged": "not judged",
    "p50_ms": "p50 (ms)",
    "p99_ms": "p99 (ms)",
}
_IMPORTS: Final = """What a fresh interpreter takes beyond starting, its code compiled as after an installation;
`jwt` is PyJWT's. Most of the toolkit's are those of `cryptography`, of `msgspec` and of what these import."""
_SUBJECTS: Final = {
    "first_200_ms": "start to first 200 (ms)",
    "cpu_to_start_ms": "CPU to start (ms)",
    "idle_mib": "memory, idle (MiB)",
    "loaded_mib": "memory, after load (MiB)",
    "stop_ms": "stop (ms)",
}
_CASES: Final = {"burn": "one statement", "refresh": "refresh with rotation", "code": "code granted and redeemed"}
_OPERATIONS: Final = {
    "client_credentials": "Client credentials",
    "refresh": "Refresh with rotation",
    "code_flow": "Code flow with a live session",
}


def load(root: Path) -> Figures:
    """Return what the benchmarks under `root` wrote, by the name of the benchmark."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted((root / RESULTS).glob("*.json"))}


def page(found: Figures) -> str:
    """Return the page that these figures write; a benchmark without figures has no section."""
    sections = [words.INTRODUCTION, _conditions(found), _goals(found)]
    writers = {
        "jose": _jose,
        "guard": _guard,
        "guard_faces": _guard_faces,
        "rate_limits": _rate_limits,
        "gateway": _gateway,
        "server": _server,
        "imports": _imports,
        "start": _start,
        "storage": _storage,
        "revocation": _revocation,
        "rotation": _rotation,
    }
    sections += [write(found[name]) for name, write in writers.items() if name in found]
    return "\n\n".join(sections) + "\n"


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heads = list(heads)
    lines = [heads, ["---"] + ["---:"] * (len(heads) - 1), *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _number(value: float) -> str:
    # Three digits are what a median is worth.
    places = 0 if value >= 100 else 1 if value >= 10 else 2  # noqa: PLR2004 - as above
    return f"{value:,.{places}f}"


def _spread(figure: Mapping[str, float]) -> str:
    return f"{_number(figure['median'])} ({_number(figure['lowest'])} to {_number(figure['highest'])})"


def _machine(report: Mapping[str, Any]) -> Mapping[str, Any]:
    machine: Mapping[str, Any] = report.get("machine") or report.get("conditions") or report["about"]["machine"]
    return machine


def _conditions(found: Figures) -> str:
    rows = []
    for name, report in found.items():
        machine = _machine(report)
        about = report.get("about", {})
        rounds = f"{report.get('rounds') or about['rounds']}{_times(about.get('runs', 1))}"
        rows.append(
            [
                f"`{name}`",
                machine["interpreter"],
                machine["system"],
                str(machine["cores"]),
                rounds,
                f"{machine['load_before']:.2f}",
                f"{machine['load_after']:.2f}",
            ]
        )
    heads = ["benchmark", "interpreter", "system", "cores", "rounds", "load before", "load after"]
    return "\n\n".join(["## Under which conditions", _table(heads, rows), *_remarks(found)])


def _times(runs: int) -> str:
    return f", best of {runs}" if runs > 1 else ""


def _remarks(found: Figures) -> Iterator[str]:
    machines = [_machine(report) for report in found.values()]
    if not all(machine["optimised_build"] for machine in machines):
        yield (
            "The interpreter was built without profile-guided optimisation, which understates everything written\n"
            "in Python by 15 to 25 %: ours and the Python peers, not Node and not the primitives."
        )
    busy = [
        name for name, report in found.items() if _machine(report)["load_before"] > _machine(report)["cores"] / 2
    ]
    if busy:
        yield (
            f"**The machine was busy with other work** before {_joined(busy)} began (load average above\n"
            "half of its cores): absolute figures and latencies there are worse than those of an idle machine,\n"
            "goals given in seconds may be missed for that reason alone, and ratios are less certain than their\n"
            "medians look."
        )
    versions: dict[str, str] = {}
    for report in found.values():
        versions |= report.get("about", {}).get("versions", {})
        versions |= {text: "" for key in ("software", "engine", "peer") if (text := report.get(key))}
    listed = sorted(f"{name} {version}".strip() for name, version in versions.items())
    if listed:
        yield "Versions: " + "; ".join(listed) + "."


def _joined(names: list[str]) -> str:
    quoted = [f"`{name}`" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def _goals(found: Figures) -> str:
    judged = [(goal, goal.figure(found)) for goal in GOALS]
    reached = sum(figure is not None and goal.is_reached(figure) for goal, figure in judged)
    measured = sum(figure is not None for _, figure in judged)
    rows = [
        [
            goal.operation,
            goal.bound(),
            "-" if figure is None else f"{_number(figure)}{goal.unit}",
            goal.distance(figure),
        ]
        for goal, figure in judged
    ]
    return "\n\n".join(
        [
            "## Goals and distance",
            f"{reached} of {measured} measured goals are reached.",
            _table(["operation", "goal", "figure", "distance"], rows),
            "Goals that no benchmark measures yet:\n\n" + "\n".join(f"- {line}" for line in NOT_MEASURED),
        ]
    )


def _jose(report: Mapping[str, Any]) -> str:
    peers: dict[str, None] = {}
    for row in report["operations"].values():
        peers |= dict.fromkeys(name for name in row if name not in {"raw", "valetkey"})
    rows = []
    for operation, row in report["operations"].items():
        own = row["valetkey"]
        cells = [operation, _number(row["raw"]["median_us"]), _number(own["median_us"]), f"{own['spread']:.0%}"]
        cells.append(f"{own['to_raw']:.2f}x")
        cells += [
            f"{_number(row[peer]['median_us'])} ({row[peer]['to_valetkey']:.1f}x)" if peer in row else "-"
            for peer in peers
        ]
        rows.append(cells)
    goals = [(goal, goal.figure({"jose": report})) for goal in GOALS if goal.benchmark == "jose"]
    is_missed = any(figure is not None and not goal.is_reached(figure) for goal, figure in goals)
    return "\n\n".join(
        [
            "## The toolkit",
            words.TOOLKIT,
            *([words.TOOLKIT_MISSED] if is_missed else []),
            _table(["operation", "raw", "valetkey", "spread", "to raw", *peers], rows),
        ]
    )


def _guard(report: Mapping[str, Any]) -> str:
    sections = [
        "## The guard",
        words.GUARD,
    ]
    for operation, row in report["operations"].items():
        rows = [
            [
                name,
                _number(figure["median_us"]),
                f"{figure['spread']:.0%}",
                f"{figure['to_raw']:.2f}x",
                f"{figure['to_guard']:.2f}x",
            ]
            for name, figure in row.items()
        ]
        heads = [operation, "CPU (us)", "spread", "to raw", "to the guard with remote keys"]
        sections.append(_table(heads, rows))
    return "\n\n".join(sections)


def _guard_faces(report: Mapping[str, Any]) -> str:
    rows = [
        [
            framework,
            name,
            _number(figure["median_us"]),
            f"{figure['spread']:.0%}",
            _number(figure["guard_us"]) if figure["guard_us"] else "",
            f"{figure['guard_to_valetkey']:.2f}x" if figure["guard_us"] else "",
        ]
        for framework, row in report["operations"].items()
        for name, figure in row.items()
    ]
    heads = ["framework", "guard", "a request, CPU (us)", "spread", "of it the guard", "to ours"]
    return "\n\n".join(["## The guard in a framework", words.GUARD_FACES, _table(heads, rows)])


def _rate_limits(report: Mapping[str, Any]) -> str:
    sections = ["## Rate limits", words.RATE_LIMITS]
    for operation, row in report["operations"].items():
        rows = [
            [
                name,
                _number(figure["median_us"]),
                _number(figure["net_us"]),
                f"{figure['spread']:.0%}",
                f"{figure['to_valetkey']:.2f}x",
                _number(figure["wall_us"]),
                f"{figure['wall_to_valetkey']:.2f}x",
            ]
            for name, figure in row.items()
        ]
        heads = [
            operation,
            "CPU (us)",
            "without the loop",
            "spread",
            "CPU to ours",
            "until it is answered (us)",
            "to ours",
        ]
        sections.append(_table(heads, rows))
    return "\n\n".join(sections)


def _gateway(report: Mapping[str, Any]) -> str:
    ratios = report["per_second_to_jwt_authn"]
    rows = [
        [
            name,
            _spread(figure["per_second"]),
            _number(figure["cpu_us"]["median"]),
            _number(figure["p50_ms"]["median"]),
            _number(figure["p99_ms"]["median"]),
            _spread(ratios[name]),
        ]
        for name, figure in report["subjects"].items()
    ]
    heads = ["subject", "requests a second", "CPU (us)", "p50 (ms)", "p99 (ms)", "rate to jwt_authn"]
    return "\n\n".join(["## The decision service", words.GATEWAY, _table(heads, rows)])


def _server(report: Mapping[str, Any]) -> str:
    sections = [
        "## The server",
        words.SERVER.format(peer=report["peer"] or "not installed"),
    ]
    for operation, subjects in report["operations"].items():
        ratios = report["ratio_to_peer"].get(operation, {})
        rows = []
        for name, figure in subjects.items():
            own = ratios.get(name)
            rows.append(
                [
                    name,
                    _spread(figure["per_second"]),
                    _number(figure["cpu_us"]["median"]),
                    _number(figure["p50_ms"]["median"]),
                    _number(figure["p99_ms"]["median"]),
                    _spread(own["per_second"]) if own else "-",
                    f"{own['cpu_us']['median']:.2f}" if own else "-",
                ]
            )
        heads = [_OPERATIONS.get(operation, operation), "a second", "CPU (us)", "p50 (ms)", "p99 (ms)"]
        sections.append(_table([*heads, f"rate to {_PEER}", f"CPU to {_PEER}"], rows))
    return "\n\n".join(sections)


def _start(report: Mapping[str, Any]) -> str:
    subjects = report["subjects"]
    rows = [
        [words, *(_spread(subject[field]) for subject in subjects.values())] for field, words in _SUBJECTS.items()
    ]
    return "\n\n".join(
        [
            "## Start and memory",
            "A warm start on one core, until discovery is answered with 200 for the first time; memory is PSS.",
            _table(["", *subjects], rows),
        ]
    )


def _imports(report: Mapping[str, Any]) -> str:
    rows = [
        [f"`import {name}`", _spread(figure["wall"]), _spread(figure["cpu"])]
        for name, figure in report["import_ms"].items()
    ]
    return "\n\n".join(["## Imports", _IMPORTS, _table(["in a fresh interpreter", "ms", "CPU (ms)"], rows)])


def _storage(report: Mapping[str, Any]) -> str:
    rows = []
    for case, figure in report["cases"].items():
        name, _, processes = case.partition(", ")
        cells = [_CASES.get(name, name), processes.partition(" ")[0], _spread(figure["commits_per_second"])]
        cells += [_number(figure[field]["median"]) for field in ("cpu_us_per_commit", "p50_ms", "p99_ms")]
        rows.append(cells)
    heads = ["case", "processes", "commits a second", "CPU a commit (us)", "p50 (ms)", "p99 (ms)"]
    return "\n\n".join(["## Storage", f"{report['engine']}.", _table(heads, rows)])


def _revocation(report: Mapping[str, Any]) -> str:
    delays, decision, looks = report["delay_seconds"], report["decision_us"], report["lookup_us"]
    heads = ["seconds until it is refused", *next(iter(delays.values()))]
    spreads = [[f"by the {name}", *map(_number, delays[way].values())] for way, name in _WAYS.items()]
    rows = [
        ["a decision about a token with nothing to look up", _number(decision["nothing"])],
        *([f"a decision by the {name}", _number(decision[way])] for way, name in _WAYS.items()),
        *([f"the look into the {name} alone", _number(looks[way])] for way, name in _WAYS.items()),
    ]
    return "\n\n".join(
        [
            "## Revocation",
            words.REVOCATION,
            _table(heads, spreads),
            _table(["", "CPU (us)"], rows),
        ]
    )


def _rotation(report: Mapping[str, Any]) -> str:
    rows = [
        [_WAYS_TO_ROTATE[way], *(f"{run[name]:,}" for name in _ROTATION_FIGURES)]
        for way, run in report["runs"].items()
    ]
    return "\n\n".join(["## Rotation of keys", words.ROTATION, _table(["", *_ROTATION_FIGURES.values()], rows)])


def is_current(root: Path) -> bool:
    """Say whether the page under `root` is the one that its results write."""
    path = root / PAGE
    return path.exists() and path.read_text("utf-8") == page(load(root))


def main(arguments: list[str]) -> int:
    """Write the page, or with --check say whether it is out of date; the exit code."""
    if "--check" in arguments:
        if is_current(ROOT):
            return 0
        print(f"{PAGE} is not up to date: run make docs", file=sys.stderr)
        return 1
    (ROOT / PAGE).write_text(page(load(ROOT)), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
