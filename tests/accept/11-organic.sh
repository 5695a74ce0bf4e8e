# coupon-event-organic meets the same with no fault at all
. "$(dirname "$0")/lib.sh"
wanted "exit 0 with nothing injected"
drill "$work/run" replay scenarios/coupon-event-organic.ini --speed 5
