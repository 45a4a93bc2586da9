// What people do on the page: write, lose the connection, call each other on several devices.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { goto, Person } from './lib/people.mjs';
import { Server } from './lib/server.mjs';
import { until } from './lib/wait.mjs';

let server;
let browser;

before(async () => {
  server = await Server.start({ CONVENE_CALLS_RING_TIMEOUT: '20s' });
  browser = await launchChromium();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

async function write(person, text) {
  const composer = await person.page.waitForSelector('[data-testid="composer"]', { timeout: 10_000 });
  await composer.click();
  await composer.type(text);
  await person.page.keyboard.press('Enter');
}

const texts = (person) =>
  person.page.evaluate(() => [...document.querySelectorAll('[data-testid="message"]')].map((row) => row.textContent));

const sees = (person, text, ms = 5_000) =>
  until(`${person.username} sees "${text}"`, ms, async () => (await texts(person)).some((row) => row.includes(text)));

test('messages arrive, survive kill -9 of the server, and the page comes back by itself', { timeout: 120_000 }, async () => {
  const ana = await Person.signIn(server, browser, 'ana');
  const bo = await Person.signIn(server, browser, 'bo');
  await goto(ana, '/c/general');
  await goto(bo, '/c/general');
  await write(ana, 'before the crash');
  await sees(bo, 'before the crash');
  await write(bo, '<img src=x onerror="window.hacked=1"> & <b>bold</b>');
  await sees(ana, '<img src=x onerror="window.hacked=1"> & <b>bold</b>');
  assert.equal(await ana.page.evaluate(() => window.hacked), undefined, 'markup ran');

  await server.kill9();
  await until('ana is told', 15_000, () => ana.page.evaluate(() => document.querySelector('[data-testid="connection-banner"]')?.dataset.state === 'lost'));
  // Written while the server is dead: it is sent when it is back.
  await write(ana, 'while it was dead');
  await server.launch();
  await sees(bo, 'while it was dead', 40_000);
  await sees(ana, 'before the crash');
  const copies = (await texts(bo)).filter((row) => row.includes('while it was dead')).length;
  assert.equal(copies, 1, 'the message is there once');
  await until('the banner is gone', 15_000, async () => !(await ana.page.evaluate(() => document.querySelector('[data-testid="connection-banner"][data-state="lost"]'))));

  const late = await Person.signIn(server, browser, 'cy');
  await goto(late, '/c/general');
  await sees(late, 'before the crash');
  await sees(late, 'while it was dead');
  for (const person of [ana, bo, late]) await person.page.browserContext().close();
});

test('a call rings on both devices, one answers, the other stops, the history knows', { timeout: 120_000 }, async () => {
  const ana = await Person.signIn(server, browser, 'ana');
  const desk = await Person.signIn(server, browser, 'bo');
  const phone = await Person.signIn(server, browser, 'bo', { viewport: { width: 390, height: 844 } });
  const opened = await fetch(`${server.url}/api/v1/dms`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${await server.login('ana')}` },
    body: JSON.stringify({ userId: await userIdOf('bo') }),
  });
  const dm = (await opened.json()).data.channel.id;
  await goto(ana, `/dm/${dm}`);
  await ana.click('call-start-video');
  const lobby = await until('the call starts or asks in the lobby', 10_000, async () => ((await ana.has('lobby')) ? 'lobby' : (await ana.has('call-view')) ? 'call' : null));
  if (lobby === 'lobby') {
    await until('devices are open', 15_000, () => ana.page.evaluate(() => !document.querySelector('[data-testid="lobby-join"]').disabled));
    await ana.click('lobby-join');
  }
  for (const device of [desk, phone]) await until('it rings', 5_000, () => device.has('ring-banner'));
  await desk.click('ring-accept');
  await until('the other device stops', 1_000, async () => !(await phone.has('ring-banner')));
  await until('bo answered', 20_000, async () => (await desk.call()).phase === 'joined');
  await until('both are in the call', 20_000, async () => (await ana.call()).participants.length === 2 && (await desk.call()).participants.length === 2);
  await ana.connected();
  await desk.connected();
  await desk.leave();
  await ana.leave();

  await goto(ana, '/calls');
  const row = await until('the call is in the history', 10_000, () =>
    ana.page.evaluate(() => {
      const found = document.querySelector('[data-testid="history-row"]');
      return found && { state: found.dataset.state, text: found.textContent };
    }),
  );
  assert.equal(row.state, 'completed', JSON.stringify(row));
  for (const person of [ana, desk, phone]) {
    assert.deepEqual(person.errors, [], person.username);
    await person.page.browserContext().close();
  }
});

async function userIdOf(username) {
  const answer = await fetch(`${server.url}/api/v1/users?search=${username}`, {
    headers: { authorization: `Bearer ${await server.login('ana')}` },
  });
  return (await answer.json()).data.users.find((user) => user.username === username).id;
}

test('the policy of the page allows no inline script and no foreign origin', async () => {
  const answer = await fetch(server.url);
  const policy = answer.headers.get('content-security-policy') ?? '';
  assert.match(policy, /default-src 'self'|default-src 'none'/);
  assert.ok(!policy.includes('unsafe-inline') && !policy.includes('unsafe-eval'), policy);
  assert.match(policy, /frame-ancestors 'none'/);
  assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
});
