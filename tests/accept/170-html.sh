# the page in Chromium: 1280 and 400 wide, light and dark, on paper
. "$(dirname "$0")/lib.sh"
wanted "no script error, no request, axe-core: nothing serious, < 1 MiB, opens in < 1 s"
# AXE_DIR has node_modules with playwright-core and axe-core.
npm=${AXE_DIR:-$build/axe}
if [ ! -d "$npm/node_modules/axe-core" ]; then
	mkdir -p "$npm"
	npm install --silent --prefix "$npm" playwright-core@1.48 axe-core@4.10 \
		>"$work/npm" 2>&1 || { got "no axe-core: $(tail -n 1 "$work/npm")"; exit 1; }
fi
"$gameday" simulate scenarios/coupon-event.ini --quiet --out "$work/run" >"$work/txt" || {
	got "simulate: exit $?"
	exit 1
}
mkdir -p "${KEEP_SHOTS:-$work/shots}"
NODE_PATH=$npm/node_modules node tests/lib/page.js "$work/run/report.html" \
	"${KEEP_SHOTS:-$work/shots}" >"$work/page" 2>&1
code=$?
while read -r line; do got "$line"; done <"$work/page"
exit $code
