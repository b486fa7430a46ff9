// Somebody joins by an identity provider, sees what it says when it says no, keeps the last way to sign in, sets a password, unlinks the
// provider and links it again.
import assert from "node:assert/strict";
import { browser, complaints, deed, person, shot } from "./stage.mjs";

const { CIRCLE_URL, INVITATION } = process.env;
const page = await person("");
// Nobody has a token here.
await page.addInitScript(() => sessionStorage.clear());
const button = (name) => page.getByRole("button", { name, exact: true });
const alert = (text) => page.getByRole("alert").filter({ hasText: text });
const at = (path) => page.waitForURL(`${CIRCLE_URL}${path}`);
const PASSWORD = "correct horse battery";

// The provider stands beside name and password; what it says instead of a code is a sentence, and the address keeps nothing of it.
await page.goto(`${CIRCLE_URL}/services`);
await button("Continue with ours").waitFor();
await shot(page, "sign-in-provider");
await deed("deny");
await button("Continue with ours").click();
await alert("ours did not let you in").waitFor();
await at("/sign-in/back/ours");
await shot(page, "sign-in-denied");
await deed("allow");
const before = await deed("signed");
await page.reload();
await alert("not begun in this browser").waitFor();
assert.equal(await deed("signed"), before);
await page.getByRole("link", { name: "Back to signing in" }).click();

// Nobody here is this person.
await button("Continue with ours").click();
await alert("nobody on this server signs in as Ann.Smith of ours").waitFor();
await shot(page, "sign-in-unknown");

await page.getByRole("link", { name: "Back to signing in" }).click();

complaints.length = 0; // what was refused

// With an invitation: a name, and no password.
await page.goto(INVITATION);
await button("Continue with ours").click();
assert.ok(await page.getByLabel("Name").evaluate((field) => field.validity.valueMissing));
await page.getByLabel("Name").fill("ann");
await shot(page, "join-provider");
await button("Continue with ours").click();
await page.waitForURL(/\/(w\/default)?$/);
assert.equal(await page.evaluate(() => document.cookie), "", "no script reads the session");

// The only way to sign in stays.
await page.getByRole("link", { name: "Account", exact: true }).click();
await page.locator(".row", { hasText: "Ann.Smith" }).waitFor();
await button("Unlink").click();
await alert("only way to sign in").waitFor();
complaints.length = 0;
await page.getByLabel("Name of the token").fill("laptop");
await button("Make a token").click();
const token = await page.locator("code").innerText();
assert.match(token, /^circle_token_/);
const answer = await fetch(`${CIRCLE_URL}/api/v1/account`, { headers: { authorization: `Bearer ${token}` } });
assert.equal((await answer.json()).name, "ann");
await shot(page, "account");

// A password; everybody is signed out; the password and the provider both open the account, and lead to where somebody wanted to be.
await page.getByLabel("New password").fill(PASSWORD);
await button("Set a password").click();
await button("Sign in").waitFor();
await page.goto(`${CIRCLE_URL}/services`);
await button("Continue with ours").click();
await page.waitForURL(/\/services$/);
await button("Sign out").click();
// Whoever leaves the page before the server has answered is still signed in.
await button("Sign in").waitFor();
const byPassword = async () => {
  await page.getByLabel("Name", { exact: true }).fill("ann");
  await page.getByLabel("Password").fill(PASSWORD);
  await button("Sign in").click();
};
await page.goto(`${CIRCLE_URL}/sign-in?to=/account`);
await byPassword();
await button("Unlink").click();
await button("Sign in").waitFor();
complaints.length = 0; // what was asked when the session had ended
await button("Continue with ours").click();
await alert("nobody on this server").waitFor();
complaints.length = 0;
await page.goto(`${CIRCLE_URL}/sign-in?to=/account`);
await byPassword();
await page.getByText("Only your name and password").waitFor();
await button("Link ours").click();
await page.locator(".row", { hasText: "Ann.Smith" }).waitFor();
await at("/account");
await button("Link ours").waitFor({ state: "detached" });
await page.setViewportSize({ width: 400, height: 800 });
await shot(page, "account-narrow");
assert.deepEqual(complaints, [], "the browser complains of nothing");
await browser.close();
