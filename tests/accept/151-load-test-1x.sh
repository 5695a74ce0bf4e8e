# load-test at 1x: mass timeouts and throughput as the record has them
. "$(dirname "$0")/load_test.sh"
load_test 1
