# control: without db-delay, Sync round trip through the link not 10 ms slower
. "$(dirname "$0")/lib.sh"
wanted "exit 0: Sync round trip through the link not 10 ms slower"
drill "$work/run" run scenarios/coupon-event.ini --without db-delay --speed 5
