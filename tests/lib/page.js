// SPDX-License-Identifier: Apache-2.0
// A report in a headless Chromium: pictures, and what is wrong with the page.
//   NODE_PATH=… node page.js REPORT.html OUT_DIR
// Prints a line for each thing wrong; exit 1 if there is one.
"use strict";
const fs = require("fs");
const path = require("path");
const { chromium } = require("playwright-core");

const file = path.resolve(process.argv[2]), out = process.argv[3];
const axe = require.resolve("axe-core/axe.min.js");
const wrong = [], opened = [];

async function look(browser, width, scheme) {
	const context = await browser.newContext({ colorScheme: scheme,
		viewport: { width, height: 900 } });
	const page = await context.newPage();
	const name = width + "-" + scheme;

	page.on("pageerror", e => wrong.push(name + ": script: " + e.message));
	page.on("console", m => {
		if (m.type() === "error")
			wrong.push(name + ": console: " + m.text());
	});
	page.on("request", r => {
		if (!/^(file|data):/.test(r.url()))
			wrong.push(name + ": asks for " + r.url());
	});
	const began = Date.now();
	await page.goto("file://" + file, { waitUntil: "load" });
	const took = Date.now() - began;
	opened.push(took);
	if (await page.evaluate(() => document.documentElement.scrollWidth > innerWidth))
		wrong.push(name + ": wider than the window");
	await page.screenshot({ path: out + "/" + name + ".png", fullPage: true });
	await zoom(page, name);
	await page.addScriptTag({ path: axe });
	const found = await page.evaluate(() => axe.run());
	for (const v of found.violations)
		if (["serious", "critical"].includes(v.impact))
			wrong.push(name + ": axe: " + v.id + ": " + v.help + ": " +
				v.nodes.slice(0, 3).map(n => n.target.join(" ")).join(", "));
	console.log(name + ": opened in " + took + " ms; axe: " +
		found.passes.length + " rules passed, " + found.violations.length +
		" violated (" + found.violations.map(v => v.id + " " + v.impact) + ")");
	await page.emulateMedia({ media: "print", colorScheme: scheme });
	await page.pdf({ path: out + "/" + name + ".pdf", format: "A4" });
	await context.close();
}

// By keyboard and by mouse: the read-out follows, and the axis shows less.
async function zoom(page, name) {
	const text = () => page.textContent("#now");
	const range = () => page.evaluate(() => document.querySelector(".curves").getAttribute("viewBox"));
	const before = await text(), wide = await range();

	await page.focus("#cursor");
	for (let i = 0; i < 5; i++)
		await page.keyboard.press("ArrowRight");
	if (await text() === before)
		wrong.push(name + ": the arrow keys move nothing");
	await page.keyboard.press("+");
	if (await range() === wide)
		wrong.push(name + ": + does not zoom");
	await page.keyboard.press("0");
	if (await range() !== wide)
		wrong.push(name + ": 0 does not show all");
	await page.locator(".chart .plot").first().scrollIntoViewIfNeeded();
	const box = await page.locator(".chart .plot").first().boundingBox();
	const y = box.y + box.height / 2;
	await page.mouse.move(box.x + box.width * 0.25, y);
	const read = await text();
	await page.mouse.down();
	await page.mouse.move(box.x + box.width * 0.5, y, { steps: 4 });
	await page.mouse.up();
	if (read === before || await range() === wide)
		wrong.push(name + ": the mouse neither reads nor zooms");
	if (!(await page.textContent(".chart .value")).trim())
		wrong.push(name + ": no value is read out");
	await page.screenshot({ path: out + "/" + name + "-zoomed.png" });
	await page.keyboard.press("0");
}

(async () => {
	const browser = await chromium.launch({ headless: true,
		executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
		args: ["--no-sandbox", "--disable-gpu", "--no-first-run",
			"--disable-background-networking"] });

	for (const width of [1280, 400])
		for (const scheme of ["light", "dark"])
			await look(browser, width, scheme);
	await browser.close();
	// A busy machine makes some late; what the page needs is the least.
	if (Math.min(...opened) > 1000)
		wrong.push("took " + Math.min(...opened) + " ms to open");
	if (fs.statSync(file).size >= 1 << 20)
		wrong.push("not under 1 MiB: " + fs.statSync(file).size);
	console.log("bytes: " + fs.statSync(file).size);
	for (const w of wrong)
		console.log("WRONG " + w);
	process.exit(wrong.length ? 1 : 0);
})();
