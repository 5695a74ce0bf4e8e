# control: without faults no timeout, and the coupon alert is silent
. "$(dirname "$0")/lib.sh"
# At 3x: unlimited the shop answers 365/s, which at 5x takes all of two cores.
wanted "exit 0: failed(all, 10s, timeout) = 0 and alert.coupon-errors = 0 from 0s to the end"
drill "$work/run" run scenarios/coupon-event.ini --no-faults --speed 3
