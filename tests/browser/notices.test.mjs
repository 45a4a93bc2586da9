// The channel says who came and what it is called; the tab says how much waits; muted is quiet.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { goto, Person } from './lib/people.mjs';
import { Server } from './lib/server.mjs';
import { until } from './lib/wait.mjs';

let server;
let browser;

before(async () => {
  server = await Server.start({});
  browser = await launchChromium();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

const userId = async (username) => (await server.api('ana', `users?search=${username}`)).users.find((user) => user.username === username).id;
const lines = (person) => person.page.$$eval('[data-testid="message-system"]', (all) => all.map((one) => [one.dataset.event, one.firstChild.textContent.trim()]));
const title = (person) => person.page.title();

test('lines tell who came and what changed, and are no news', { timeout: 90_000 }, async () => {
  const { channel } = await server.post('ana', 'channels', { type: 'group', name: 'Plans', participants: [], private: true });
  const bo = await Person.signIn(server, browser, 'bo');
  await server.post('ana', `channels/${channel.id}/members`, { userId: await userId('bo') });
  await until('bo has the channel', 5_000, () => bo.page.evaluate(() => document.body.textContent.includes('Plans')));
  await goto(bo, `/c/${channel.id}`);
  await server.api('ana', `channels/${channel.id}`, { method: 'PATCH', body: JSON.stringify({ name: 'Better plans', topic: 'soon' }) });
  await until('bo sees the lines', 5_000, async () => (await lines(bo)).length === 3);
  const said = await lines(bo);
  assert.deepEqual(said.map(([event]) => event), ['added', 'renamed', 'topic']);
  assert.match(said[0][1], /^Ana.* added Bo.*\.$/);
  assert.match(said[1][1], /renamed the channel from “Plans” to “Better plans”\.$/);
  await until('the title follows', 5_000, async () => (await title(bo)).startsWith('Better plans'));
  assert.deepEqual(bo.errors, []);
  await bo.close();
});

test('what is for me counts in the title of the tab, until I read it or mute it', { timeout: 90_000 }, async () => {
  const bo = await Person.signIn(server, browser, 'bo');
  await goto(bo, '/c/general');
  const { channel: dm } = await server.post('ana', 'dms', { userId: await userId('bo') });
  await server.post('ana', `channels/${dm.id}/messages`, { content: 'one' });
  await server.post('ana', `channels/${dm.id}/messages`, { content: 'two' });
  await until('two wait', 5_000, async () => (await title(bo)).startsWith('(2) '));
  await goto(bo, `/dm/${dm.id}`);
  await until('nothing waits', 5_000, async () => !/^\(/.test(await title(bo)));
  await bo.click('notify-open');
  await bo.click('notify-mute');
  await bo.page.waitForSelector('[data-testid="notify-unmute"]', { timeout: 5_000 });
  const muted = await server.api('bo', `channels/${dm.id}`);
  assert.ok(Date.parse(muted.channel.mutedUntil) > Date.now());
  await bo.page.keyboard.press('Escape');
  await goto(bo, '/c/general');
  await server.post('ana', `channels/${dm.id}/messages`, { content: 'three' });
  const { channel: other } = await server.post('cy', 'dms', { userId: await userId('bo') });
  await server.post('cy', `channels/${other.id}/messages`, { content: 'loud' });
  await until('only the other one counts', 5_000, async () => (await title(bo)).startsWith('(1) '));
  assert.deepEqual(bo.errors, []);
  await bo.close();
});
