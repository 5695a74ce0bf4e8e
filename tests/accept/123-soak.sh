# an hour at 20 000/s: memory flat within 1 MiB, no descriptor lost (the last of make soak)
. "$(dirname "$0")/lib.sh"
wanted "3600 s at 20000/s, served, 'flat': make soak"
line=$(grep -E '^\| [0-9]{4}-' docs/soak.md | tail -n 1)
got "${line:-no soak yet: make soak}"
grep -qE '^\| [0-9-]+ \| 3600 \| 20000 \|.*\| flat \|' <<<"$line"
