# load-test at 5x: mass timeouts and throughput as the record has them
. "$(dirname "$0")/load_test.sh"
load_test 5
