// Logging in to recto-serve from a viewer of another site, in a real headless Chromium: the viewer opens the access
// service in a tab, a person types a token, the tab closes, the token service posts to the viewer, the probe opens, and
// the browser shows what it was refused before.
//
//   node scripts/judge_login.mjs URL TOKEN ID OUT    URL: a server that shows image ID to the owner of TOKEN alone
//
// Needs Debian's chromium and npm's playwright-core (found by NODE_PATH); see scripts/judge_login.sh.
import { createRequire } from "node:module";
import { createServer } from "node:http";
import assert from "node:assert/strict";

const require = createRequire(process.env.NODE_PATH + "/");
const { chromium } = require("playwright-core");
const [url, secret, id, out] = process.argv.slice(2);

// The viewer: what the specification has a client do, and no more.
const VIEWER = `<!doctype html><title>Viewer</title><button id="in">Log in</button><button id="out">Log out</button>
<img id="image"><iframe id="frame" hidden></iframe><script type="module">
const info = await (await fetch("${url}/iiif/3/${id}/info.json")).json();
const probe = info.service[0], access = probe.service[0];
const [token, logout] = ["AuthAccessTokenService2", "AuthLogoutService2"].map((type) => access.service.find((s) => s.type === type));
const state = window.state = { messages: [], probes: [] };
async function ask(bearer) {
  const headers = bearer ? { authorization: "Bearer " + bearer } : {};
  state.probes.push(await (await fetch(probe.id, { headers })).json());
}
function show() {
  const image = document.getElementById("image");
  image.onload = () => (state.shown = image.naturalWidth);
  image.onerror = () => (state.shown = 0);
  image.src = info.id + "/full/300,/0/default.jpg?" + Math.random();
}
function request() {
  const query = new URLSearchParams({ messageId: String(state.messages.length + 1), origin: location.origin });
  document.getElementById("frame").src = token.id + "?" + query;
}
addEventListener("message", async (event) => {
  if (event.origin !== new URL(token.id).origin) return;
  state.messages.push(event.data);
  await ask(event.data.accessToken);
  show();
});
const visit = (service) => {
  const tab = open(service.id + "?origin=" + encodeURIComponent(location.origin));
  const timer = setInterval(() => tab.closed && (clearInterval(timer), request()), 100);
};
document.getElementById("in").onclick = () => visit(access);
document.getElementById("out").onclick = () => visit(logout);
await ask();
show();
</script>`;
const viewer = createServer((_, response) => response.setHeader("content-type", "text/html").end(VIEWER));
await new Promise((done) => viewer.listen(0, "127.0.0.1", done));

const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
const context = await browser.newContext();
context.setDefaultTimeout(120_000);
const page = await context.newPage();
const faults = [];
context.on("page", (tab) => tab.on("pageerror", (error) => faults.push(String(error))));
page.on("pageerror", (error) => faults.push(String(error)));
let passed = 0;
async function check(name, work) {
  await work();
  passed++;
  console.log("PASS  ", name);
}
const state = () => page.evaluate(() => window.state);
const probes = (n) => page.waitForFunction((n) => window.state?.probes.length >= n && window.state.shown !== undefined, n);

await check("a stranger is told to log in, and sees nothing", async () => {
  await page.goto(`http://127.0.0.1:${viewer.address().port}/`);
  await probes(1);
  const { probes: [first], shown } = await state();
  assert.deepEqual([first.status, shown], [401, 0]);
});
await check("the tab takes a token and closes, the frame posts, the image opens", async () => {
  const [tab] = await Promise.all([context.waitForEvent("page"), page.click("#in")]);
  await tab.waitForSelector("[name=token]");
  await tab.fill("[name=token]", "wrong");
  await tab.click("button");
  await tab.waitForFunction(() => document.querySelector("[role=status]")?.textContent.includes("wrong"));
  await tab.screenshot({ path: `${out}/login.png` });
  await tab.fill("[name=token]", secret);
  await Promise.all([tab.waitForEvent("close"), tab.click("button")]);
  await probes(2);
  await page.waitForFunction(() => window.state.shown > 0);
  const { messages, probes: all } = await state();
  assert.deepEqual([messages[0].type, messages[0].messageId, all[1].status], ["AuthAccessToken2", "1", 200]);
  await page.screenshot({ path: `${out}/logged-in.png` });
});
await check("a page of another site cannot have a token", async () => {
  const other = await context.newPage();
  await other.goto(`http://localhost:${viewer.address().port}/`);
  const message = await other.evaluate((url) => new Promise((done) => {
    addEventListener("message", (event) => done(event.data));
    const frame = document.createElement("iframe");
    frame.src = `${url}/auth/token?messageId=9&origin=${location.origin}`;
    document.body.append(frame);
  }), url);
  assert.equal(message.type, "AuthAccessTokenError2");
  await other.close();
});
await check("after logging out it is closed again", async () => {
  const [tab] = await Promise.all([context.waitForEvent("page"), page.click("#out")]);
  if (!tab.isClosed()) await tab.waitForEvent("close");
  await probes(3);
  await page.waitForFunction(() => window.state.shown === 0);
  const { messages, probes: all } = await state();
  assert.deepEqual([messages.at(-1).type, all.at(-1).status], ["AuthAccessTokenError2", 401]);
});
await check("our own pages lead in and out", async () => {
  await page.goto(`${url}/view/${id}`);
  await page.waitForSelector("body[data-ready]");
  assert.equal(await page.textContent("#said"), "this image is not open to everybody");
  await page.click("#account a");
  await page.fill("[name=token]", secret);
  await page.click("button");
  await page.waitForSelector("body.view[data-ready]");
  assert(page.url().endsWith(`/view/${id}`), page.url());
  await page.waitForFunction(() => document.querySelector("#canvas")?.dataset.loaded > 0);
  assert.match(await page.textContent("#account"), /^Log out /);
  await page.screenshot({ path: `${out}/view-logged-in.png` });
});
await browser.close();
viewer.close();
console.log(`login: ${passed} passed, ${faults.length} failed`);
for (const fault of faults) console.log("FAIL  ", fault);
process.exit(faults.length ? 1 : 0);
