# retest at 5x holds its criteria
. "$(dirname "$0")/load_test.sh"
retest 5
