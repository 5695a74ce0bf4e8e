# coupon-event at 5x holds every criterion of the scenario
. "$(dirname "$0")/lib.sh"
wanted "exit 0: detected 150 +-20 s, recovered 900 +-60 s, outage and limiter as expected, faults bit and gone, steps passed, audit clean, (recovered - detected)/900 = 0.83 +-0.05"
drill "$work/run" replay scenarios/coupon-event.ini --speed 5
