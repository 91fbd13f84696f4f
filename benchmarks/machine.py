"""Under which conditions figures were taken: what is needed to judge them, and nothing that names the machine."""

from __future__ import annotations

import os
import platform
import sysconfig


def load_average() -> float:
    """Return how many processes wanted to run, on average over the last minute."""
    return round(os.getloadavg()[0], 2)


def conditions(load_before: float) -> dict[str, object]:
    """Return the conditions of a run that began at `load_before`: its own load is in `load_after` only."""
    return {
        "interpreter": f"{platform.python_implementation()} {platform.python_version()}",
        "optimised_build": "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or ""),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "load_before": load_before,
        "load_after": load_average(),
    }
