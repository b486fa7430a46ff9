// What stories share: a browser, pages of people who are signed in by a token, pictures, and what happens elsewhere.
import { chromium } from "playwright-core";

const { CHROMIUM, CIRCLE_URL, SHOTS, STAGE } = process.env;

export const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

/** What the browser complained of, on any page. */
export const complaints = [];

/** Every page that was opened, for the picture of where a story ended that should not have. */
const pages = [];
process.on("uncaughtExceptionMonitor", () => console.error(pages.map((page) => page.url()).join("\n"), complaints));

/** A browser of one person, in English. */
export async function person(token, more = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "en-GB", ...more });
  await context.addInitScript(
    ([url, token]) => location.origin === url && sessionStorage.setItem("circle-token", token),
    [CIRCLE_URL, token],
  );
  const page = await context.newPage();
  pages.push(page);
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  return page;
}

export async function shot(page, name) {
  if (SHOTS !== undefined) {
    await page.screenshot({ path: `${SHOTS}/${name}.png`, fullPage: true });
  }
}

/** Something that happens away from the page: the test does it and answers. */
export async function deed(name) {
  const answer = await fetch(`${STAGE}/${name}`);
  if (!answer.ok) {
    throw new Error(`${name}: ${answer.status}`);
  }
  return answer.text();
}
