# control: without faults no timeout, and the coupon alert is silent
. "$(dirname "$0")/lib.sh"
wanted "exit 0: failed(all, 10s, timeout) = 0 and alert.coupon-errors = 0 from 0s to the end"
drill "$work/run" run scenarios/coupon-event.ini --no-faults --speed 5
