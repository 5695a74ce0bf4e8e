# load-test's breaking point at 1x: limit, knee and Xmax
. "$(dirname "$0")/load_test.sh"
search 1
