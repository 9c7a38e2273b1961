"""``tonada doctor``."""

from __future__ import annotations

from tonada.cli.output import Json, print_json, print_table
from tonada.errors import MissingDependencyError


def doctor(*, json: Json = False) -> int:
    """Look at this machine: Python, torch, device, threads, packages, disk, models; each problem with what mends it.

    Parameters
    ----------
    json
        Print JSON.
    """
    from tonada.api.diagnosis import doctor as diagnose

    checks = diagnose()
    if json:
        print_json(checks)
    else:
        signs = {"ok": "", "note": "note:", "problem": "PROBLEM:"}
        print_table(
            [{"what": c.name, "found": c.value, "to do": f"{signs[c.state]} {c.remedy}".strip()} for c in checks]
        )
    return MissingDependencyError.exit_code if any(check.state == "problem" for check in checks) else 0
