# control: without db-pool, more than 16 in flight in pg_stat_activity
. "$(dirname "$0")/lib.sh"
wanted "exit 0: more than 16 in flight in pg_stat_activity"
drill "$work/run" run scenarios/coupon-event.ini --without db-pool --speed 5
