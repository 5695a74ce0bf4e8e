# retest at 1x holds its criteria
. "$(dirname "$0")/load_test.sh"
retest 1
