# load-test's breaking point at 5x: limit, knee and Xmax
. "$(dirname "$0")/load_test.sh"
search 5
