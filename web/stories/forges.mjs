// An administrator connects a forge, finds a repository and adds it; what is pushed appears by itself; a stranger's pull request is looked
// at and approved, commit by commit. Somebody who may only look sees no button that would be refused.
import assert from "node:assert/strict";
import { browser, complaints, deed, person, shot } from "./stage.mjs";

const { CIRCLE_URL, CIRCLE_TOKEN, VIEWER_TOKEN, FORGE_URL, FORGE_TOKEN } = process.env;
const page = await person(CIRCLE_TOKEN, { permissions: ["clipboard-read", "clipboard-write"] });
const link = (name) => page.getByRole("link", { name, exact: true });
const button = (name) => page.getByRole("button", { name });
const alert = (text) => page.getByRole("alert").filter({ hasText: text });
const row = (text) => page.locator(".row", { hasText: text });
const at = (path) => page.waitForURL(`${CIRCLE_URL}${path}`);

// An address without a workspace leads into one; the first thing behind Tab leads past the bar.
await page.goto(`${CIRCLE_URL}/`);
await at("/w/default");
await page.getByText("No run yet").waitFor();
await shot(page, "runs-none");
await page.reload();
await page.getByText("No run yet").waitFor();
await page.keyboard.press("Tab");
assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the page");
await page.keyboard.press("Enter");
assert.equal(await page.evaluate(() => document.activeElement.id), "main");

// No forge yet. What is wrong is said in the server's words, and nothing is lost of what was typed.
await link("Forges").click();
assert.equal(await page.evaluate(() => document.activeElement.id), "main");
await page.getByText("No forge is connected yet").waitFor();
const redirect = page.getByLabel("Redirect address");
assert.equal(await redirect.inputValue(), `${CIRCLE_URL}/oauth/forge`);
await button("Copy").click();
await page.getByText("Copied").waitFor();
assert.equal(await page.evaluate(() => navigator.clipboard.readText()), `${CIRCLE_URL}/oauth/forge`);
await shot(page, "forges-none");
await page.getByLabel("Kind").selectOption("gitea");
await page.getByLabel("Address", { exact: true }).fill(FORGE_URL);
await page.getByLabel("Name in Circle").fill("ours");
await page.getByLabel("By an access token").check();
await page.getByLabel("Access token", { exact: true }).fill("wrong-token");
await button("Connect").click();
await page.getByRole("alert").waitFor();
await shot(page, "forge-token-wrong");

// By OAuth: refused at the forge first, then let in.
const byOauth = async (clientId) => {
  await page.getByLabel("Kind").selectOption("gitea");
  await page.getByLabel("Address", { exact: true }).fill(FORGE_URL);
  await page.getByLabel("Name in Circle").fill("ours");
  await page.getByLabel("By an OAuth application").check();
  await page.getByLabel("Client id").fill(clientId);
  await page.getByLabel("Client secret").fill("client-secret");
  await button("Continue at the forge").click();
};
await byOauth("deny");
await alert("access_denied").waitFor();
await shot(page, "oauth-refused");
await link("Back to the forges").click();
await byOauth("client");
await at("/w/default/forges/ours");
assert.equal(page.url().includes("code"), false);

// What somebody else began is only shown.
const lured = await person(CIRCLE_TOKEN);
await lured.goto(`${CIRCLE_URL}/oauth/forge?code=theirs&state=${"0".repeat(64)}`);
await lured.getByText("This was not begun in this browser").waitFor();
assert.equal(await lured.getByLabel("Code").inputValue(), `746865697273.${"0".repeat(64)}`);
await shot(lured, "oauth-elsewhere");
await lured.context().close();

// Repositories: those that cannot be added say why; a part of a name finds one; a forge that is down is told and asked again.
await row("team/attic").getByText("it is archived").waitFor();
await row("others/shop-tools").getByText("must administer the repository").waitFor();
assert.equal(await page.getByRole("button", { name: /^Add / }).count(), 1);
await shot(page, "forge");
await page.getByLabel("Search").fill("SHOP");
await row("team/attic").waitFor({ state: "detached" });
assert.equal(await page.locator("ul[aria-label='Add a repository'] .row").count(), 2);
await page.getByLabel("Search").fill("nowhere");
await page.getByText("No repository that this account belongs to contains “nowhere”").waitFor();
await shot(page, "forge-nothing-found");
complaints.length = 0; // the answers of the wrong token
await deed("down");
await page.getByLabel("Search").fill("team/sh");
await page.getByRole("alert").waitFor();
await shot(page, "forge-down");
await deed("up");
await button("Try again").click();
await row("team/shop").waitFor();
assert.equal(await page.getByRole("alert").count(), 0);
complaints.length = 0; // the 502

// Added, with its hook.
await button("Add team/shop").click();
await shot(page, "forge-add");
await page.locator("form.inline").getByRole("button", { name: "Add" }).click();
await row("added as shop").getByText("its hook is made").waitFor();
await button("Check connection and hooks").click();
await page.getByText("The token is good: it is bot's. Its hook is as it must be.").waitFor();
await shot(page, "forge-added");
await row("team/shop").getByRole("link", { name: "shop" }).first().click();
await at("/w/default/services/shop");

// A hook that somebody took away is seen and made again.
await page.getByText("Nothing arrived yet").waitFor();
await deed("lose-hook");
await button("Check the hook").click();
await page.getByText("The forge has no hook for this service").waitFor();
await shot(page, "service-hook-missing");
await button("Make or mend the hook").click();
await page.getByText("The hook was made or mended now.").waitFor();

// What is pushed appears here by itself, and what became of every call.
const asked = [];
page.on("request", (request) => new URL(request.url()).pathname.endsWith("/default/runs") && asked.push(request.url()));
await deed("label");
const pushed = await deed("push");
await page.locator(`a[href="/runs/${pushed}"]`).first().waitFor();
assert.deepEqual(asked, [], "the list is told of the run, it is not asked for");
await page.getByText("Show the run").waitFor();
await page.getByText("nothing to do").waitFor();
await shot(page, "service");
await row("made a run").getByRole("button", { name: "Handle again" }).click();
await page.waitForURL(/\/runs\/run_/);
assert.equal(page.url().endsWith(pushed), false);

// The list of runs is told too; a choice of it is in the address.
await link("Runs").click();
await at("/w/default");
await row("#2").waitFor();
await page.getByLabel("State").selectOption("succeeded");
await page.getByText("No run fits this choice").waitFor();
await page.getByLabel("State").selectOption("queued");
await at("/w/default?state=queued");
await row("#2").waitFor();
await shot(page, "runs");
asked.length = 0;

// A stranger's pull request: why it waits, what it changes, and an approval of exactly the commit that was looked at.
const proposed = await deed("propose");
await page.locator(`a[href="/runs/${proposed}"]`).click();
assert.deepEqual(asked, []);
const waits = page.getByRole("region", { name: "A stranger's pull request" });
await waits.getByText("it gets no secrets").waitFor();
await button("Look at what it changes").click();
await page.locator(".diff .added", { hasText: "# first" }).waitFor();
await waits.getByText("It changes caicloud.yml").waitFor();
await shot(page, "approval");
const newest = await deed("push-on");
await button(/^Approve /).click();
await alert("has moved on").waitFor();
await shot(page, "approval-stale");
complaints.length = 0; // the 409
await button("Show its newest run").click();
await at(`/runs/${newest}`);
await button("Look at what it changes").click();
await page.locator(".diff .added", { hasText: "# second" }).waitFor();
await button(/^Approve /).click();
await page.getByText("approved by").waitFor();
assert.equal([proposed, newest].some((run) => page.url().endsWith(run)), false);
await shot(page, "approved");

// Denied: it ends, and gets nothing.
await page.goto(`${CIRCLE_URL}/runs/${await deed("propose-other")}`);
await button("Look at what it changes").click();
await button("Deny: end its run").click();
await page.locator(".run-head .state.cancelled").waitFor();
await shot(page, "denied");

// Another workspace has its own services, and nothing of this one.
await link("Services").click();
await button("Check the hooks").click();
await row("team/shop").getByText("hook good").waitFor();
await deed("lose-hook");
await button("Check the hooks").click();
await row("team/shop").getByText("hook missing").waitFor();
await shot(page, "services");
await button("Make and mend the hooks").click();
await row("team/shop").getByText("hook mended").waitFor();
await page.getByLabel("Workspace").selectOption("pay");
await at("/w/pay/services");
await page.getByText("No service yet").waitFor();
await link("Runs").click();
await page.getByText("No run yet").waitFor();
await link("Workspaces").click();
await row("default").waitFor();
await shot(page, "workspaces");
await page.getByLabel("Name").fill("web-team");
await button("Make a workspace").click();
await at("/w/web-team");
await page.goto(`${CIRCLE_URL}/w/theirs/services`);
await page.getByText("There is no workspace theirs, or you are not a member of it.").waitFor();

// Somebody who may only look.
const vera = await person(VIEWER_TOKEN);
const changing = /Run now|Cancel|Rerun|Approve|Deny|Handle again|Remove|Add|Link|Connect|Check/;
for (const path of ["/w/default/services", "/w/default/services/shop", "/w/default/forges", `/runs/${newest}`, `/runs/${pushed}`]) {
  await vera.goto(`${CIRCLE_URL}${path}`);
  await vera.locator("main h1").waitFor();
  assert.equal(await vera.getByRole("button", { name: changing }).count(), 0, path);
  assert.equal(await vera.locator("form").count(), 0, path);
}
await vera.goto(`${CIRCLE_URL}/runs/${newest}`);
await vera.getByRole("button", { name: "Look at what it changes" }).click();
await vera.getByText("A developer of the workspace can approve it.").waitFor();
await shot(vera, "viewer-approval");
await vera.goto(`${CIRCLE_URL}/w/default/services/shop`);
await vera.getByText("nothing to do").waitFor();
await shot(vera, "viewer-service");
await vera.context().close();

// On a telephone at night nothing is wider than the screen.
const night = await person(CIRCLE_TOKEN, { viewport: { width: 390, height: 844 }, colorScheme: "dark" });
for (const [name, path] of [
  ["runs", "/w/default"],
  ["services", "/w/default/services"],
  ["service", "/w/default/services/shop"],
  ["forges", "/w/default/forges"],
  ["forge", "/w/default/forges/ours"],
  ["run", `/runs/${newest}`],
  ["workspaces", "/workspaces"],
  ["workers", "/workers"],
]) {
  await night.goto(`${CIRCLE_URL}${path}`);
  await night.locator("main h1").waitFor();
  if (name === "run") {
    await night.getByRole("button", { name: "Look at what it changes" }).click();
    await night.locator(".diff").waitFor();
  }
  await shot(night, `night-${name}`);
  assert.equal(await night.evaluate(() => document.documentElement.scrollWidth), 390, path);
}
await night.context().close();

// A forge stays while a service is linked through it; both are removed after one more question.
await page.goto(`${CIRCLE_URL}/w/default/forges/ours`);
const confirm = async (name, answer) => {
  await button(name).click();
  await page.getByRole("dialog").getByRole("button", { name: answer }).click();
};
await button("Disconnect").click();
await page.getByRole("dialog").waitFor();
await shot(page, "forge-disconnect");
await page.keyboard.press("Escape");
await page.getByRole("dialog").waitFor({ state: "hidden" });
await confirm("Disconnect", "Disconnect");
await alert("the service shop is linked through it").waitFor();
complaints.length = 0; // the 409
await page.goto(`${CIRCLE_URL}/w/default/services/shop`);
await confirm("Remove the service", "Remove the service");
await at("/w/default/services");
await page.getByText("No service yet").waitFor();
await page.goto(`${CIRCLE_URL}/w/default/forges/ours`);
await confirm("Disconnect", "Disconnect");
await at("/w/default/forges");
await page.getByText("No forge is connected yet").waitFor();

// By a token it is connected as well.
await page.getByLabel("Kind").selectOption("gitea");
await page.getByLabel("Address", { exact: true }).fill(FORGE_URL);
await page.getByLabel("Name in Circle").fill("again");
await page.getByLabel("By an access token").check();
await page.getByLabel("Access token", { exact: true }).fill(FORGE_TOKEN);
await button("Connect").click();
await at("/w/default/forges/again");
await row("team/shop").waitFor();
assert.deepEqual(complaints, [], "the browser complains of nothing");
await browser.close();
