// A developer starts a run with what its file and service declare: each value in a field of its own, a wrong one told beside it, and the
// job really sees them. The clock's wishes stand on the service's page; one is added, paused, let go on and removed.
import assert from "node:assert/strict";
import { browser, complaints, person, shot } from "./stage.mjs";

const { CIRCLE_URL, CIRCLE_TOKEN, VIEWER_TOKEN } = process.env;
const page = await person(CIRCLE_TOKEN, { timezoneId: "Asia/Shanghai" });
const button = (name) => page.getByRole("button", { name });
const form = page.locator("details.card", { hasText: "Run with" });
const at = `${CIRCLE_URL}/w/default/services/shop`;

await page.goto(at);
await page.locator("main h1").waitFor();
await shot(page, "service-inputs-closed");
await page.getByText("Run with …").click();
const version = form.getByLabel("version (must be given)");
await version.waitFor();
assert.equal(await form.getByLabel("Name", { exact: true }).inputValue(), "main");
assert.equal(await form.getByLabel("copies").inputValue(), "4", "the service's default stands before the file's");
assert.deepEqual(await form.getByLabel("place").locator("option").allTextContents(), ["qa", "live"]);
assert.deepEqual(await form.getByLabel("dry_run").locator("option").allTextContents(), ["yes", "no"]);
await form.getByText("What to release").waitFor();

// What must be given is asked for before anything is sent; what is wrong is told at its field, and nothing typed is lost.
await button("Start the run").click();
assert.equal(await version.evaluate((field) => field.validity.valueMissing), true);
await version.fill("one");
await form.getByLabel("copies").fill("12");
await button("Start the run").click();
await form.getByText("the whole of it must match [0-9.]+").waitFor();
await form.getByText("it is at most 9").waitFor();
assert.equal(await version.getAttribute("aria-invalid"), "true");
assert.equal(await form.getByLabel("place").getAttribute("aria-invalid"), null);
assert.equal(await version.inputValue(), "one");
assert.equal(await page.locator(".problem").count(), 0, "it is not said twice");
await shot(page, "service-inputs-wrong");
complaints.length = 0; // the 422

// A tag has the file of its own commit.
await form.getByLabel("What runs").selectOption("tag");
await form.getByLabel("Name", { exact: true }).fill("bare");
await form.getByLabel("Reason").focus();
await version.waitFor({ state: "detached" });
await form.getByLabel("tone").waitFor();
await form.getByLabel("What runs").selectOption("branch");
await form.getByLabel("Name", { exact: true }).fill("nowhere");
await form.getByLabel("Reason").focus();
await form.getByRole("alert").filter({ hasText: "is not there" }).waitFor();
await shot(page, "service-inputs-nowhere");
complaints.length = 0; // the 409
await form.getByLabel("Name", { exact: true }).fill("main");
await form.getByLabel("Reason").fill("a release by hand");
await version.waitFor();
await version.fill("1.2");
await form.getByText("the whole of it must match [0-9.]+").waitFor({ state: "detached" });
await form.getByLabel("copies").fill("3");
await form.getByLabel("place").selectOption("live");
await form.getByLabel("dry_run").selectOption("true");
await shot(page, "service-inputs");
await button("Start the run").click();
await page.waitForURL(/\/runs\/run_/);
await page.locator(".run-head .state.succeeded").waitFor({ timeout: 90_000 });
await page.getByText("version=1.2 copies=3 place=live dry=true tone=low").waitFor();
await page.locator("dl.given", { hasText: "version" }).getByText("1.2", { exact: true }).waitFor();
await shot(page, "run-inputs");

// What the clock starts; and what was refused says why.
await page.goto(at);
await page.getByText("inputs.copies: it is at most 9").waitFor();
const schedules = page.getByRole("list", { name: "Schedules" });
await schedules.locator(".row", { hasText: "of the pipeline file" }).getByText("0 4 1 1 *").waitFor();
await page.getByText("Add a schedule").click();
const adding = page.locator("details.card", { hasText: "Add a schedule" });
assert.equal(await adding.getByLabel("Time zone").inputValue(), "Asia/Shanghai");
await adding.getByLabel("Name", { exact: true }).fill("nightly");
await adding.getByLabel("When").fill("0 25 * * *");
await adding.getByLabel("copies").fill("9");
await adding.getByRole("button", { name: "Add" }).click();
await adding.getByText("(at character 3)").waitFor();
await shot(page, "schedule-wrong");
complaints.length = 0; // the 422
await adding.getByLabel("When").fill("0 3 * * *");
await adding.getByRole("button", { name: "Add" }).click();
const nightly = schedules.locator(".row", { hasText: "nightly" });
await nightly.getByText("copies=9").waitFor();
await nightly.getByText("next").waitFor();
await nightly.getByRole("button", { name: "Pause: nightly" }).click();
await nightly.getByText(/paused by /).waitFor();
await shot(page, "service-schedules");
await nightly.getByRole("button", { name: "Resume: nightly" }).click();
await nightly.getByText("next").waitFor();
await nightly.getByRole("button", { name: "Remove", exact: true }).click();
await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
await nightly.waitFor({ state: "detached" });

// The repository is looked at, too.
await page.getByText("Its repository is looked at every 1 min.").waitFor();

// Somebody who may only look is asked for nothing.
const vera = await person(VIEWER_TOKEN);
await vera.goto(at);
await vera.getByText("0 4 1 1 *").waitFor();
assert.equal(await vera.locator("form, details").count(), 0);
assert.equal(await vera.getByRole("button", { name: /Pause|Remove|Run/ }).count(), 0);
await vera.context().close();

// On a telephone at night nothing is wider than the screen.
const night = await person(CIRCLE_TOKEN, { viewport: { width: 390, height: 844 }, colorScheme: "dark" });
await night.goto(at);
await night.getByText("Run with …").click();
await night.getByLabel("version (must be given)").waitFor();
await night.getByText("Add a schedule").click();
await night.getByLabel("Time zone").waitFor();
await shot(night, "night-service-inputs");
assert.equal(await night.evaluate(() => document.documentElement.scrollWidth), 390);
await night.context().close();
assert.deepEqual(complaints, [], "the browser complains of nothing");
await browser.close();
