// What a view looks like: a picture for people, and axe for those who do not see it.
import assert from 'node:assert/strict';
import path from 'node:path';
import { accessibleNow, settled } from './axe.mjs';
import { OUT } from './server.mjs';

export const DESKTOP = { width: 1280, height: 800 };
export const PHONE = { width: 390, height: 844, isMobile: true, hasTouch: true };

/** The picture lands in out/; axe finds nothing serious, and nothing is wider than the window. */
export async function look(page, name) {
  await settled(page);
  await page.screenshot({ path: path.join(OUT, `${name}.png`) });
  await accessibleNow(page, name);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(wide <= 0, `${name}: ${wide} px wider than the window`);
}

/** Every size in every scheme with `LOOK=all`; otherwise each size and each scheme once. */
const ALL = process.env.LOOK === 'all';

/** The same state wide and narrow, light and dark. The window is as before afterwards. */
export async function lookAround(page, name) {
  const before = page.viewport();
  for (const [size, { width, height }, own] of [['desktop', DESKTOP, 'light'], ['phone', PHONE, 'dark']]) {
    await page.setViewport({ ...before, width, height });
    for (const scheme of ALL ? ['light', 'dark'] : [own]) {
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
      await look(page, `${name}-${size}-${scheme}`);
    }
  }
  await page.emulateMediaFeatures([]);
  await page.setViewport(before);
}
