// A developer opens the page, signs in, watches a run live, and finds out why one failed. Played in a real Chromium against a
// real Circle, whose address, token and runs the environment names.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const { CHROMIUM, CIRCLE_URL, CIRCLE_TOKEN, GOOD_RUN, BAD_RUN, LONG_RUN, SHOTS, INVITATION } = process.env;
const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
const complaints = [];
page.on("pageerror", (error) => complaints.push(String(error)));
page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));

async function shot(name) {
  if (SHOTS !== undefined) {
    await page.screenshot({ path: `${SHOTS}/${name}.png`, fullPage: true });
  }
}

// Whoever is not signed in signs in, and comes back to where they wanted to be.
await page.goto(`${CIRCLE_URL}/runs/${GOOD_RUN}`);
await page.getByRole("button", { name: "Use a token instead" }).click();
await page.getByLabel("Token").fill("circle_admin_wrong");
await page.getByRole("button", { name: "Sign in" }).click();
await page.getByRole("alert").waitFor();
await shot("sign-in");
complaints.length = 0; // the 401 of the wrong token
await page.getByLabel("Token").fill(CIRCLE_TOKEN);
await page.getByRole("button", { name: "Sign in" }).click();

// A run that succeeded: its stages, its commands, its log without what terminals hide, and nothing run as script.
await page.getByRole("heading", { name: "<b>Begin</b>" }).waitFor();
await page.getByRole("button", { name: /^integration/ }).click();
const log = page.getByRole("log");
await log.getByText("hello <script>").waitFor();
assert.equal(await page.evaluate(() => window.stolen), undefined);
assert.match(await page.locator(".commands").innerText(), /echo/);
const pressed = page.getByRole("button", { name: /^Outputs \(/ });
const [kept] = await Promise.all([page.waitForEvent("download"), pressed.click()]);
assert.equal(kept.suggestedFilename(), "shop-1-pre_build.tar");
await shot("run");

// A permalink leads to its line, with the window scrolled there.
await page.goto(`${CIRCLE_URL}/runs/${LONG_RUN}#L60000`);
await page.getByRole("button", { name: /^integration/ }).click();
await page.locator(".line.marked").getByText("line 60000", { exact: true }).waitFor();
await shot("line");

// A run that failed says why and shows the stage that failed.
await page.goto(`${CIRCLE_URL}/runs/${BAD_RUN}`);
await page.getByRole("alert").filter({ hasText: "exited with code 3" }).waitFor();
await log.getByText("about to fail", { exact: true }).waitFor();
await shot("failed");

// The list; a new run from the page; its log comes live; cancelling ends it.
await page.getByRole("link", { name: "Services" }).click();
await shot("services");
await page.locator(".row", { hasText: "shop" }).getByRole("button", { name: "Run now" }).click();
await log.getByText("tick 3", { exact: true }).waitFor({ timeout: 60_000 });
await page.getByRole("button", { name: "Cancel" }).click();
await page.locator(".run-head .state.cancelled").waitFor({ timeout: 30_000 });
await shot("cancelled");
await page.getByRole("link", { name: "Workers" }).click();
await page.locator(".row .title").first().waitFor();
await shot("workers");
await page.getByRole("link", { name: "Runs", exact: true }).click();
await page.locator(".row").nth(3).waitFor();
await page.keyboard.press("j");
await page.locator(".row.chosen").waitFor();
await shot("runs");

// Signing out takes everything with it.
await page.getByRole("button", { name: "Sign out" }).click();
await page.getByRole("button", { name: "Use a token instead" }).waitFor();

// Somebody who was invited opens the link, chooses a name and a password, and is in; signs out, and in again with the password.
await page.goto(INVITATION);
await page.getByLabel("Name").fill("ann");
await page.getByLabel("Password").fill("correct horse battery");
await shot("join");
await page.getByRole("button", { name: "Make the account" }).click();
await page.locator(".row").nth(3).waitFor();
assert.doesNotMatch(page.url(), /circle_invite/, "the link does not stay in the address");
assert.equal(await page.evaluate(() => document.cookie), "", "no script reads the session");
await page.getByRole("button", { name: "Sign out" }).click();
await page.getByLabel("Name").fill("ann");
await page.getByLabel("Password").fill("wrong horse battery");
await page.getByRole("button", { name: "Sign in" }).click();
await page.getByRole("alert").waitFor();
await shot("sign-in-wrong");
complaints.length = 0; // the 401 of the wrong password
await page.getByLabel("Password").fill("correct horse battery");
await page.getByRole("button", { name: "Sign in" }).click();
await page.locator(".row").nth(3).waitFor();
assert.deepEqual(complaints, [], "the browser complains of nothing");
await browser.close();
