# control: without kafka-pause, coupons confirmed during 14:02-14:03
. "$(dirname "$0")/lib.sh"
wanted "exit 0: coupons confirmed during 14:02-14:03"
drill "$work/run" run scenarios/coupon-event.ini --without kafka-pause --speed 5
