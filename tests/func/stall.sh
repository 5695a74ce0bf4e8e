# SPDX-License-Identifier: Apache-2.0
# timeout: 60
# serial
# A server that stops for 2 s in 10 s at 1 000/s: times count from when a request
# was due, so the stall is in the percentiles, and service times stand beside.
# A run that was not sent as planned says so itself and is made once more.
PYTHONPATH=$(dirname "$0")/../lib exec python3 - "$1" "${2:-constant}" <<'PY'
from loadtest import *

g = Gameday(sys.argv[1])
for kind in sys.argv[2].split(","):
    code, r, (seen, partial), lasted = stall_fair(g, kind)
    ms = row(r, "a")["response_ms"]
    service = row(r, "a")["service_ms"]
    print(f"{kind}: requests {row(r, 'a')['requests']}, response p50 "
          f"{ms['p50']:.3g} p90 {ms['p90']:.0f} p99 {ms['p99']:.0f} ms, "
          f"service p90 {service['p90']:.3g} p99 {service['p99']:.0f} ms, "
          f"stopped {lasted:.3f} s")
    check(f"{kind}: exit 0", code == 0, (code, r["run"]["invalid_because"]))
    check(f"{kind}: the server was stopped for 2 s", lasted <= 2.03, lasted)
    check(f"{kind}: p90 is 1.0 s within 5 %", 950 <= ms["p90"] <= 1050, ms)
    check(f"{kind}: p99 is 1.9 s within 5 %", 1805 <= ms["p99"] <= 1995, ms)
    check(f"{kind}: the median is not touched", ms["p50"] < 100, ms)
    check(f"{kind}: every one is answered",
          row(r, "a")["ok"] == row(r, "a")["requests"], row(r, "a"))
    check(f"{kind}: the server saw what was sent",
          seen == audit(r)["sent"], (seen, audit(r)["sent"]))
    for later in ("b", "c") if kind == "steps" else ():
        # Due when the step before was answered: the stall does not hold them
        # but for those that were between two steps as it began.
        p90 = row(r, later)["response_ms"]["p90"]
        check(f"{kind}: step {later} is late by its own wait only",
              p90 < 950, p90)
finish()
PY
