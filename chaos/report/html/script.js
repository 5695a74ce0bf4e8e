/* SPDX-License-Identifier: Apache-2.0 */
/* Zoom and read-out. All that is shown is in the page without it. */
(function () {
"use strict";
var time = document.getElementById("time");
var cursor = document.getElementById("cursor");
var now = document.getElementById("now");
var line = document.getElementById("line");
var first = +time.dataset.x0, last = +time.dataset.x1;
var from = first, to = last;
var least = Math.min(10, last - first);
var clock = cursor.dataset.clock.split(":").map(Number);
var base = clock.length === 3 ? clock[0] * 3600 + clock[1] * 60 + clock[2] : NaN;

function two(n) {
	return (n < 10 ? "0" : "") + n;
}

function label(t) {
	var s = Math.round(isNaN(base) ? Math.abs(t) : base + t);
	var sign = isNaN(base) && t < 0 ? "-" : "";

	if (isNaN(base))
		return sign + Math.floor(s / 60) + ":" + two(s % 60);
	s = (s % 86400 + 86400) % 86400;
	return two(Math.floor(s / 3600)) + ":" + two(Math.floor(s / 60) % 60) +
		":" + two(s % 60);
}

/* "M-60 150L-59 151": a path is its own data; a gap is where M is. */
function points(path) {
	var p = [], re = /([ML])(\S+?) (\S+?)(?=[ML]|$)/g, d = path.getAttribute("d"), m;

	while ((m = re.exec(d)))
		p.push({ t: +m[2], v: +m[3], begins: m[1] === "M" });
	return p;
}

function value(p, t) {
	var low = 0, high = p.length, mid;

	while (low < high) {
		mid = (low + high) >> 1;
		if (p[mid].t <= t)
			low = mid + 1;
		else
			high = mid;
	}
	if (low === 0)
		return NaN;
	if (p[low - 1].t < t && (low === p.length || p[low].begins))
		return NaN;
	return p[low - 1].v;
}

var curves = [];
document.querySelectorAll(".chart").forEach(function (chart) {
	var outs = chart.querySelectorAll(".value");

	chart.querySelectorAll(".curves path:not(.grid)").forEach(function (path, i) {
		curves.push({ path: path, points: null, out: outs[i] });
	});
});

function number(v) {
	if (isNaN(v))
		return "–";
	return String(Math.abs(v) >= 1000 ? Math.round(v) : +v.toPrecision(4));
}

function read() {
	var t = +cursor.value;

	now.textContent = label(t);
	cursor.setAttribute("aria-valuetext", label(t));
	line.hidden = false;
	line.style.setProperty("--a", t);
	curves.forEach(function (c) {
		c.points = c.points || points(c.path);
		c.out.textContent = number(value(c.points, t));
	});
}

function ticks() {
	var steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400];
	var step = steps.find(function (s) { return (to - from) / s <= 8; }) || 604800;
	var axis = document.querySelector(".ticks"), over = document.querySelector(".over");
	var t, tick;

	axis.textContent = "";
	over.querySelectorAll(".tick").forEach(function (e) { e.remove(); });
	for (t = Math.ceil(from / step) * step; t <= to; t += step) {
		tick = document.createElement("i");
		tick.className = "tick";
		tick.style.setProperty("--a", t);
		over.prepend(tick);
		tick = document.createElement("span");
		tick.className = "at";
		tick.style.setProperty("--a", t);
		tick.textContent = label(t);
		axis.append(tick);
	}
}

function show(a, b) {
	var width = Math.min(Math.max(b - a, least), last - first);

	from = Math.min(Math.max(a, first), last - width);
	to = from + width;
	time.style.setProperty("--x0", from);
	time.style.setProperty("--x1", to);
	document.querySelectorAll(".curves").forEach(function (svg) {
		svg.setAttribute("viewBox", from + " 0 " + width + " 100");
	});
	ticks();
}

function zoom(by) {
	var t = Math.min(Math.max(+cursor.value, from), to);

	show(t - (t - from) * by, t + (to - t) * by);
}

/* The cursor is kept in sight. */
function move(t) {
	cursor.value = Math.min(Math.max(t, first), last);
	t = +cursor.value;
	if (t < from)
		show(t, t + to - from);
	else if (t > to)
		show(t - (to - from), t);
	read();
}

cursor.addEventListener("input", function () { move(+cursor.value); });
document.getElementById("in").addEventListener("click", function () { zoom(0.5); });
document.getElementById("out").addEventListener("click", function () { zoom(2); });
document.getElementById("all").addEventListener("click", function () { show(first, last); });
document.addEventListener("keydown", function (e) {
	if (e.ctrlKey || e.metaKey || e.altKey)
		return;
	if (e.key === "+" || e.key === "=")
		zoom(0.5);
	else if (e.key === "-")
		zoom(2);
	else if (e.key === "0")
		show(first, last);
	else if (e.key === "ArrowLeft" && e.target === document.body)
		move(+cursor.value - (to - from) / 100);
	else if (e.key === "ArrowRight" && e.target === document.body)
		move(+cursor.value + (to - from) / 100);
	else
		return;
	e.preventDefault();
});

var drag = null;

function at(e) {
	var box = document.querySelector(".over").getBoundingClientRect();

	return from + (e.clientX - box.left) / box.width * (to - from);
}

time.addEventListener("pointermove", function (e) {
	if (e.target.closest(".plot"))
		move(Math.min(Math.max(at(e), from), to));
});
time.addEventListener("pointerdown", function (e) {
	drag = e.target.closest(".plot") && e.pointerType === "mouse" ? at(e) : null;
	if (drag !== null)
		e.preventDefault();
});
window.addEventListener("pointerup", function (e) {
	var end = at(e);

	if (drag !== null && Math.abs(end - drag) > (to - from) / 100)
		show(Math.min(drag, end), Math.max(drag, end));
	drag = null;
});
time.addEventListener("dblclick", function () { show(first, last); });

document.querySelector(".controls").hidden = false;
read();
})();
