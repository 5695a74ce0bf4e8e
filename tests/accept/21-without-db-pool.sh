# control: without db-pool, more than 16 in flight in pg_stat_activity
. "$(dirname "$0")/lib.sh"
# At 3x: unlimited the shop answers 365/s, which at 5x takes all of two cores.
wanted "exit 0: more than 16 in flight in pg_stat_activity"
drill "$work/run" run scenarios/coupon-event.ini --without db-pool --speed 3
