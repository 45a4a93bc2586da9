// Where the focus is: F6 goes through the parts of the page, views are entered at their headings, and nothing is taken
// from somebody who writes.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { goto, Person } from './lib/people.mjs';
import { Server } from './lib/server.mjs';
import { until } from './lib/wait.mjs';

const id = (name) => `[data-testid="${name}"]`;
let server;
let browser;
let ana;
let channel;

before(async () => {
  server = await Server.start({});
  browser = await launchChromium();
  const { users } = await server.api('ana', 'users');
  const bo = users.find((user) => user.username === 'bo').id;
  ({ channel } = await server.post('ana', 'channels', { type: 'group', name: 'Parts', participants: [bo], private: true }));
  await server.post('bo', `channels/${channel.id}/messages`, { content: 'a question' });
  ana = await Person.signIn(server, browser, 'ana');
  await goto(ana, `/c/${channel.id}`);
}, { timeout: 60_000 });

after(async () => {
  await browser?.close();
  await server?.stop();
});

const focus = () =>
  ana.page.evaluate(() => {
    const at = document.activeElement;
    return {
      region: at?.closest('[data-region]')?.dataset.region ?? '',
      testid: at?.dataset.testid ?? '',
      composer: at?.dataset.composer ?? '',
      heading: /^H[12]$/.test(at?.tagName) ? at.innerText : '',
      value: at?.value ?? '',
    };
  });
const focusIs = (what, fits, ms = 5_000) => until(`the focus is on ${what}`, ms, async () => {
  const now = await focus();
  if (fits(now)) return true;
  throw new Error(JSON.stringify(now));
});

/** The regions that so many presses lead to. */
async function cycle(presses, shift = false) {
  const seen = [];
  if (shift) await ana.page.keyboard.down('Shift');
  for (let i = 0; i < presses; i++) {
    await ana.page.keyboard.press('F6');
    seen.push((await focus()).region);
  }
  if (shift) await ana.page.keyboard.up('Shift');
  return seen;
}

/** What a landmark is called, as assistive software hears it. */
const landmark = (role, name) => ana.page.waitForSelector(`::-p-aria([role="${role}"][name="${name}"])`, { timeout: 3_000 });

test('F6 goes from part to part of a channel and back, also while writing', { timeout: 60_000 }, async () => {
  await focusIs('the composer of the channel that was opened', (at) => at.composer === channel.id);
  await ana.page.keyboard.type('half');
  assert.deepEqual(await cycle(2), ['sidebar', 'main']);
  const back = await focus();
  assert.deepEqual([back.composer, back.value], [channel.id, 'half'], 'where one was, with what one wrote');

  await ana.page.hover(id('message'));
  await ana.click('message-reply');
  await focusIs('the composer of the thread', (at) => at.testid === 'thread-composer');
  await landmark('complementary', 'Thread');
  await landmark('navigation', 'Conversations');
  assert.ok(await ana.page.$('main'));
  assert.deepEqual(await cycle(3), ['sidebar', 'main', 'panel']);
  assert.deepEqual(await cycle(3, true), ['main', 'sidebar', 'panel'], 'Shift+F6 goes the other way');

  await ana.page.keyboard.press('F6');
  const here = await focus();
  await ana.page.keyboard.down('Control');
  await ana.page.keyboard.press('KeyK');
  await ana.page.keyboard.up('Control');
  await focusIs('the search', (at) => at.testid === 'search-field');
  await ana.page.keyboard.press('F6');
  assert.equal((await focus()).testid, 'search-field', 'nobody leaves a question that is open');
  await ana.page.keyboard.press('Escape');
  await focusIs('where one came from', (at) => at.region === here.region);
});

test('a view is entered at its heading, and a channel at its composer', { timeout: 60_000 }, async () => {
  await ana.click('nav-calls');
  await focusIs('the heading of the history', (at) => at.heading === 'Calls');
  await goto(ana, '/test');
  await focusIs('the heading of the connection test', (at) => at.heading === 'Connection test');
  await goto(ana, '/admin/overview');
  await focusIs('the heading of the administration', (at) => at.heading === 'Administration');
  await ana.click('admin-policy');
  await focusIs('the heading of the part', (at) => at.heading === 'Policy');
  await goto(ana, `/lobby/${channel.id}`);
  await focusIs('the heading of the lobby', (at) => at.heading !== '' && at.region === 'main');
  await goto(ana, `/c/${channel.id}`);
  await focusIs('the composer', (at) => at.composer === channel.id);
  assert.equal((await focus()).value, 'half');
});

test('a call is entered at the microphone, and F6 goes through its parts', { timeout: 90_000 }, async () => {
  await ana.join(channel.id, { camera: false });
  await focusIs('the microphone', (at) => at.testid === 'control-mic');
  await landmark('region', 'Call');
  assert.deepEqual(await cycle(4), ['sidebar', 'main', 'stage', 'toolbar']);
  assert.equal((await focus()).testid, 'control-mic', 'where one was');
  await ana.click('control-stats');
  await ana.page.waitForSelector(id('stats-panel'), { timeout: 3_000 });
  assert.deepEqual(await cycle(5), ['stage', 'toolbar', 'panel', 'sidebar', 'main']);
  await ana.click('control-stats');
  // The way past everything, for those who go by Tab.
  await ana.page.evaluate(() => document.querySelector('.call a.skip').focus());
  await ana.page.keyboard.press('Enter');
  await ana.page.keyboard.press('Tab');
  await focusIs('the call controls', (at) => at.region === 'toolbar' && at.testid.startsWith('control-'));
});

test('the end of a call takes the focus from nobody who writes', { timeout: 60_000 }, async () => {
  const { callId } = await ana.call();
  await ana.click('call-to-chat');
  await focusIs('the composer', (at) => at.composer === channel.id);
  assert.deepEqual(await cycle(3), ['toolbar', 'sidebar', 'main'], 'the small bar of the call is one of the parts');
  await ana.page.keyboard.type(' a sentence');
  await server.api('ana', `admin/calls/${callId}/end`, { method: 'POST' });
  await until('the call is over', 3_000, async () => (await ana.call()).phase === 'idle');
  await ana.page.keyboard.type(' and more');
  const at = await focus();
  assert.deepEqual([at.composer, at.value], [channel.id, 'half a sentence and more']);

  // From the view of the call, which goes away under a question that somebody is answering.
  await ana.join(channel.id, { camera: false });
  const again = await ana.call();
  await ana.page.keyboard.down('Control');
  await ana.page.keyboard.press('KeyK');
  await ana.page.keyboard.up('Control');
  await focusIs('the search', (now) => now.testid === 'search-field');
  await ana.page.keyboard.type('par');
  await server.api('ana', `admin/calls/${again.callId}/end`, { method: 'POST' });
  await until('the call is over', 3_000, async () => (await ana.call()).phase === 'idle');
  await ana.page.waitForSelector(id('channel-view'), { timeout: 3_000 });
  await ana.page.keyboard.type('ts');
  assert.deepEqual([(await focus()).testid, (await focus()).value], ['search-field', 'parts']);
  assert.deepEqual(ana.errors, []);
});
