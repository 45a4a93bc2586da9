// What a view looks like: a picture for people, and axe for those who do not see it.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { OUT } from './server.mjs';

const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export const DESKTOP = { width: 1280, height: 800 };
export const PHONE = { width: 390, height: 844, isMobile: true, hasTouch: true };

/** The picture lands in out/; axe finds nothing serious, and nothing is wider than the window. */
export async function look(page, name) {
  // Pictures wait for movement to end.
  await page.evaluate(() => Promise.all(document.getAnimations().filter((a) => a.effect?.getTiming().iterations === 1).map((a) => a.finished.catch(() => {}))));
  await page.screenshot({ path: path.join(OUT, `${name}.png`) });
  await page.evaluate(AXE);
  const { violations, passes } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  const bad = violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes.slice(0, 3).map((node) => node.html.slice(0, 120)).join(' | ')}`);
  assert.deepEqual(bad, [], name);
  assert.ok(passes.length > 5, `${name}: axe looked at almost nothing`);
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
