// What people do about each other, as they see it: reports, removals, bans, blocks, settings and unwanted words.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { goto, Person } from './lib/people.mjs';
import { Server } from './lib/server.mjs';
import { until } from './lib/wait.mjs';

let server;
let browser;
let ids;

before(async () => {
  server = await Server.start({});
  browser = await launchChromium();
  ids = Object.fromEntries((await server.api('ana', 'users')).users.map((user) => [user.username, user.id]));
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

const id = (name) => `[data-testid="${name}"]`;
const named = (role, name) => `::-p-aria([role="${role}"][name="${name}"])`;

/** What somebody reads on the page. */
const reads = (person, text, ms = 5_000) =>
  until(`${person.username} reads “${text}”`, ms, () => person.page.evaluate((x) => document.body.innerText.includes(x), text));
const readsNoMore = (person, text, ms = 5_000) =>
  until(`${person.username} reads “${text}” no more`, ms, () => person.page.evaluate((x) => !document.body.innerText.includes(x), text));

async function press(person, name, role = 'button') {
  const element = await person.page.waitForSelector(named(role, name), { timeout: 5_000 });
  await element.evaluate((node) => node.scrollIntoView({ block: 'nearest' }));
  await element.click();
  await element.dispose();
}

/** Names of what an open menu offers. */
const offered = (person) => person.page.$$eval('[role="menuitem"]', (items) => items.map((item) => item.textContent));

/** The menu of what one may do about a message, or nothing where there is none. */
async function openActions(person, text) {
  const row = await until('the message is there', 5_000, () =>
    person.page.evaluateHandle((x) => [...document.querySelectorAll('article')].find((m) => m.textContent.includes(x)) ?? null, text).then((handle) => handle.asElement()),
  );
  await row.hover();
  const button = await row.$(id('message-more'));
  await button?.click();
  return button !== null;
}

async function openPerson(person, name) {
  await press(person, `${name}: message, call and more`);
  await person.page.waitForSelector('[role="menu"]', { timeout: 5_000 });
}

const group = async (name, owner, ...others) =>
  (await server.post(owner, 'channels', { type: 'group', name, participants: others.map((other) => ids[other]), private: true })).channel;
const say = (who, channel, content) => server.post(who, `channels/${channel.id}/messages`, { content });

async function enter(username, channel, options = {}) {
  const person = await Person.signIn(server, browser, username, options);
  await goto(person, `/c/${channel.id}`);
  await person.page.waitForSelector(id('channel-view'), { timeout: 5_000 });
  return person;
}

/** Notes what has the focus at the moment the dialog goes: what is typed from then on is not to be taken away again. */
const watchFocus = (person) =>
  person.page.evaluate(() => {
    window.focusAfterDialog = new Promise((resolve) => {
      new MutationObserver((_, observer) => {
        if (document.querySelector('dialog')) return;
        observer.disconnect();
        resolve(document.activeElement?.getAttribute('aria-label'));
      }).observe(document.body, { childList: true, subtree: true });
    });
  });

async function leave(...people) {
  for (const person of people) {
    assert.deepEqual(person.errors, [], person.username);
    await person.page.browserContext().close();
  }
}

test('what somebody reports an administrator decides, and everybody sees it', { timeout: 90_000 }, async () => {
  const channel = await group('Reports', 'ana', 'bo', 'cy');
  await say('bo', channel, 'You are all useless');
  await say('cy', channel, 'That was not nice');
  const [ana, bo, cy] = [await enter('ana', channel), await enter('bo', channel), await enter('cy', channel)];

  assert.equal(await openActions(bo, 'You are all useless'), false, 'nobody reports their own words');
  assert.ok(await openActions(cy, 'You are all useless'));
  assert.deepEqual(await offered(cy), ['Report…'], 'who only is a member deletes nothing of others');
  await press(cy, 'Report…', 'menuitem');
  await press(cy, 'Insult or harassment', 'radio');
  await cy.page.type(id('report-note'), 'Second time this week');
  await press(cy, 'Send report');
  await reads(cy, 'The report was sent');

  await reads(ana, 'A message was reported.');
  await press(ana, 'Administration 1 open report');
  await reads(ana, 'Second time this week');
  await reads(ana, 'Reported by Cy Okafor');
  await press(ana, 'Decide…');
  await press(ana, 'Delete the message as well', 'checkbox');
  await press(ana, 'Decide');
  await reads(ana, 'Nothing is waiting for a decision.');
  assert.equal(await ana.page.$(named('button', 'Administration 1 open report')), null);
  for (const person of [bo, cy]) {
    await reads(person, 'This message was deleted');
    await readsNoMore(person, 'You are all useless');
  }
  const { reports } = await server.api('ana', 'admin/reports?state=actioned');
  assert.deepEqual(reports.map(({ content, reason }) => [content, reason]), [['You are all useless', 'Insult or harassment']]);

  await press(ana, 'Log');
  await reads(ana, 'decided a report');
  await press(ana, 'Check the log');
  await reads(ana, 'The log is whole');
  // Who is no administrator is shown none of it, by no way.
  assert.equal(await bo.has('nav-admin'), false);
  await goto(bo, '/admin/reports');
  await reads(bo, 'Only administrators of this server see this.');
  await leave(ana, bo, cy);
});

test('a member is timed out, gets a role and is removed, and sees each of it', { timeout: 90_000 }, async () => {
  const channel = await group('Removals', 'ana', 'bo', 'cy');
  await say('bo', channel, 'Hello from Bo');
  await say('cy', channel, 'Hello from Cy');
  const [ana, bo] = [await enter('ana', channel), await enter('bo', channel)];

  await openPerson(bo, 'Cy Okafor');
  assert.deepEqual(await offered(bo), ['Send a message', 'Call', 'Block']);
  const focused = () => bo.page.evaluate(() => document.activeElement.textContent);
  assert.equal(await focused(), 'Send a message');
  await bo.page.keyboard.press('ArrowUp');
  assert.equal(await focused(), 'Block', 'the arrows go round');
  await bo.page.keyboard.press('Escape');
  assert.equal(await bo.page.evaluate(() => document.activeElement.getAttribute('aria-haspopup')), 'menu', 'focus is back at the name');

  await openPerson(ana, 'Bo Lindqvist');
  await press(ana, 'Time out…', 'menuitem');
  await press(ana, '5 minutes', 'radio');
  await press(ana, 'Time out');
  await reads(bo, 'You are timed out: you can read here');
  assert.equal(await bo.has('composer'), false);
  // It is known after loading again, too.
  await bo.page.reload();
  await reads(bo, 'You are timed out: you can read here', 10_000);
  await press(ana, 'Members and settings');
  await reads(ana, 'timed out until');
  await press(ana, 'More about Bo Lindqvist');
  await press(ana, 'Time out…', 'menuitem');
  await press(ana, 'Not any more: lift it', 'radio');
  await press(ana, 'Time out');
  await bo.page.waitForSelector(id('composer'), { timeout: 5_000 });

  await press(ana, 'More about Bo Lindqvist');
  await press(ana, 'Change role…', 'menuitem');
  await press(ana, 'Admin: Also changes settings, removes members and their messages.', 'radio');
  await press(ana, 'Save');
  await until('bo is an admin', 5_000, async () => (await server.api('ana', `channels/${channel.id}`)).members.find((one) => one.userId === ids.bo).role === 'admin');
  await openActions(bo, 'Hello from Cy');
  assert.deepEqual(await offered(bo), ['Report…', 'Delete message']);
  await press(bo, 'Delete message', 'menuitem');
  await press(bo, 'Delete');
  await readsNoMore(ana, 'Hello from Cy');

  await press(ana, 'More about Bo Lindqvist');
  await press(ana, 'Remove from channel…', 'menuitem');
  await ana.page.type(id('reason'), 'enough for today');
  await press(ana, 'Remove');
  await reads(bo, 'You were removed from Removals: enough for today');
  await until('the channel is gone', 5_000, () => bo.page.evaluate((channelId) => document.querySelector(`[data-channel-id="${channelId}"]`) === null, channel.id));
  await until('the list knows', 5_000, () => ana.page.evaluate(() => document.querySelectorAll('[data-testid="member"]').length === 2));
  // Back in, by the same list.
  await press(ana, 'Add people');
  await ana.page.keyboard.type('lindq');
  await press(ana, 'Add Bo Lindqvist');
  await until('bo has it again', 5_000, () => bo.page.evaluate((channelId) => document.querySelector(`[data-channel-id="${channelId}"]`) !== null, channel.id));
  await ana.page.keyboard.press('Escape');
  await until('focus is back', 5_000, () => ana.page.evaluate(() => document.activeElement.getAttribute('aria-label') === 'Members and settings'));
  await leave(ana, bo);
});

test('who is banned is told so within a second, and why, and until when', { timeout: 90_000 }, async () => {
  const channel = await group('Bans', 'ana', 'di');
  await say('di', channel, 'Cheap watches');
  const [ana, di] = [await enter('ana', channel), await enter('di', channel)];
  await di.page.waitForSelector(id('composer'), { timeout: 5_000 });
  await openPerson(ana, 'Di Tanaka');
  await press(ana, 'Ban from this server…', 'menuitem');
  await press(ana, 'One week', 'radio');
  await ana.page.type(id('reason'), 'advertising');
  await press(ana, 'Ban');
  await reads(di, 'You are banned from this server', 1_000);
  await reads(di, 'Reason: advertising');
  await reads(di, 'The ban is over on');
  assert.equal(await di.has('composer'), false);
  await press(di, 'To the sign-in page');
  await di.page.waitForSelector(id('signin-password'), { timeout: 5_000 });
  await di.page.type(id('signin-password'), 'convene-demo');
  await di.click('signin-submit');
  await reads(di, 'This account has been banned.');

  await goto(ana, '/admin/bans');
  await reads(ana, 'advertising');
  await press(ana, 'Lift the ban of Di Tanaka');
  await reads(ana, 'Nobody is banned.');
  await di.click('signin-submit');
  await di.page.waitForSelector('.shell', { timeout: 10_000 });
  // A refused sign-in is an error of the network to the console.
  di.errors = di.errors.filter((error) => !error.includes('403') && !error.includes('401'));
  await leave(ana, di);
});

test('messages of somebody one blocks are folded, and a blocked one cannot write', { timeout: 90_000 }, async () => {
  const channel = await group('Blocks', 'bo', 'cy');
  await say('cy', channel, 'Look at my holiday');
  const { channel: dm } = await server.post('cy', 'dms', { userId: ids.bo });
  await say('cy', dm, 'Look here as well');
  const [bo, cy] = [await enter('bo', channel), await enter('cy', channel)];
  await openPerson(bo, 'Cy Okafor');
  await press(bo, 'Block', 'menuitem');
  await reads(bo, 'A message of somebody you blocked');
  await readsNoMore(bo, 'Look at my holiday');
  await press(bo, 'Show');
  await reads(bo, 'Look at my holiday');
  await openActions(bo, 'Look at my holiday');
  await press(bo, 'Hide', 'menuitem');
  await readsNoMore(bo, 'Look at my holiday');

  await goto(cy, `/dm/${dm.id}`);
  await cy.page.waitForSelector(id('composer'), { timeout: 5_000 });
  await cy.page.type(id('composer'), 'Are you there?');
  await cy.page.keyboard.press('Enter');
  await reads(cy, 'Not sent: this person wants no messages from you.');

  await goto(bo, `/dm/${dm.id}`);
  await reads(bo, 'You blocked Cy Okafor.');
  await press(bo, 'Unblock');
  await readsNoMore(bo, 'You blocked Cy Okafor.');
  await reads(bo, 'Look here as well');
  await press(cy, 'Retry');
  await reads(bo, 'Are you there?');
  await leave(bo, cy);
});

test('settings show in the composers of others', { timeout: 90_000 }, async () => {
  const channel = await group('Setup', 'bo', 'cy');
  const [bo, cy] = [await enter('bo', channel), await enter('cy', channel)];
  await press(bo, 'Members and settings');
  await press(bo, 'Settings');
  await press(bo, 'Read-only: only owners and admins write', 'checkbox');
  await bo.page.select('select[name="slowMode"]', '30');
  await bo.page.type('input[name="topic"]', 'Only what matters');
  await press(bo, 'Save');
  await reads(bo, 'The settings are saved.');
  await reads(cy, 'Only owners and admins write in this channel.');
  await reads(cy, 'Only what matters');
  await press(bo, 'Read-only: only owners and admins write', 'checkbox');
  await press(bo, 'Save');
  await reads(cy, 'Slow mode: one message every 30 sec');
  // What one may not change one only reads.
  await press(cy, 'Members and settings');
  await press(cy, 'Settings');
  await reads(cy, 'Slow mode, one message every 30 sec');
  assert.equal(await cy.has('settings-form'), false);
  await watchFocus(cy);
  await cy.page.keyboard.press('Escape');
  assert.equal(await cy.page.evaluate(() => window.focusAfterDialog), 'Members and settings');
  for (const text of ['first', 'second']) {
    await cy.page.type(id('composer'), text);
    await cy.page.keyboard.press('Enter');
  }
  await reads(cy, 'Waiting for slow mode');

  // Somebody else changed it since the form was opened.
  await server.api('bo', `channels/${channel.id}`, { method: 'PATCH', body: JSON.stringify({ description: 'changed elsewhere' }) });
  await bo.page.type('input[name="topic"]', '!');
  await press(bo, 'Save');
  await reads(bo, 'Somebody changed the settings meanwhile.');

  await press(bo, 'Archive channel');
  await press(bo, 'Archive it');
  await reads(cy, 'This channel is archived.');
  assert.equal(await cy.has('call-start-voice'), false);
  await bo.page.keyboard.press('Escape');
  // It is in no list, but it is found and brought back.
  await bo.page.reload();
  await reads(bo, 'This channel is archived.', 10_000);
  await goto(bo, '/c/general');
  await bo.click('me-menu');
  await bo.click('open-archived');
  await bo.page.waitForSelector(`${id('archived')} li button`, { timeout: 5_000 });
  await bo.page.click(`${id('archived')} li button`);
  await press(bo, 'Take it out of the archive');
  await bo.page.waitForSelector(id('composer'), { timeout: 5_000 });
  await cy.page.waitForSelector(id('composer'), { timeout: 5_000 });
  await leave(bo, cy);
});

test('an unwanted word is refused with a reason, and masked or let through again', { timeout: 90_000 }, async () => {
  const channel = await group('Words', 'ana', 'bo');
  const [ana, bo] = [await Person.signIn(server, browser, 'ana'), await enter('bo', channel)];
  await goto(ana, '/admin/words');
  await ana.page.waitForSelector(id('word'), { timeout: 5_000 });
  await reads(ana, 'No word is on the list yet.');
  await ana.page.type(id('word'), 'Wormwood');
  await press(ana, 'Add');
  await until('the word is listed', 5_000, () => ana.page.evaluate(() => document.querySelector('[data-testid="word-row"]')?.textContent.includes('Refuse the message')));
  await bo.page.waitForSelector(id('composer'), { timeout: 5_000 });
  await bo.page.type(id('composer'), 'a glass of wormwood');
  await bo.page.keyboard.press('Enter');
  await reads(bo, 'Not sent: it contains words that are not wanted here.');

  await ana.page.type(id('word'), 'Wormwood');
  await ana.page.select(id('word-action'), 'mask');
  await press(ana, 'Add');
  await until('it is masked from now on', 5_000, () => ana.page.evaluate(() => document.querySelector('[data-testid="word-row"]')?.textContent.includes('***')));
  await press(bo, 'Retry');
  await reads(bo, 'a glass of ********');
  await press(ana, 'Take “Wormwood” from the list');
  await reads(ana, 'No word is on the list yet.');
  await bo.page.type(id('composer'), 'wormwood again');
  await bo.page.keyboard.press('Enter');
  await until('it is said', 5_000, async () => (await server.api('ana', `channels/${channel.id}/messages`)).messages.some((m) => m.content === 'wormwood again'));
  await leave(ana, bo);
});

test('authors and hosts read what a message said before, others do not', { timeout: 90_000 }, async () => {
  const channel = await group('Versions', 'ana', 'bo', 'cy');
  const { message } = await say('bo', channel, 'at nine');
  await server.api('bo', `messages/${message.id}`, { method: 'PATCH', body: JSON.stringify({ content: 'at ten' }) });
  const [ana, cy] = [await enter('ana', channel), await enter('cy', channel)];
  await press(ana, '(edited) Earlier versions');
  await reads(ana, 'at nine');
  await reads(cy, '(edited)');
  assert.equal(await cy.has('message-revisions'), false);
  await leave(ana, cy);
});

test('who started a call mutes somebody, takes them out of it, rings them again and ends it for all', { timeout: 90_000 }, async () => {
  const channel = await group('Huddle', 'ana', 'bo');
  const [ana, bo] = [await Person.signIn(server, browser, 'ana'), await Person.signIn(server, browser, 'bo')];
  await ana.join(channel.id);
  await bo.join(channel.id);
  const tile = await ana.page.waitForSelector(`${id('tile')}[data-user="bo"]`, { timeout: 10_000 });
  await tile.hover();
  await press(ana, 'More about Bo Lindqvist');
  await press(ana, 'Mute microphone', 'menuitem');
  await reads(bo, 'A host muted your microphone.');
  await until('ana sees it', 5_000, () => ana.page.evaluate(() => document.querySelector('[data-testid="tile"][data-user="bo"]')?.dataset.muted === 'true'));
  await press(ana, 'More about Bo Lindqvist');
  assert.equal((await offered(ana)).includes('Mute microphone'), false);
  await press(ana, 'Remove from call', 'menuitem');
  await reads(bo, 'You were removed from the call.');
  await until('the tile is gone', 5_000, () => ana.page.evaluate(() => document.querySelector('[data-testid="tile"][data-user="bo"]') === null));
  await press(ana, 'More about this call');
  await press(ana, 'Ring people', 'menuitem');
  await press(ana, 'Ring Bo Lindqvist');
  await bo.click('ring-accept');
  await until('bo is in it again', 10_000, () => ana.page.evaluate(() => window.__convene.call.participants.length === 2));
  await press(bo, 'More about this call');
  assert.deepEqual(await offered(bo), ['Do not read reactions out', 'Ring people', 'Sound and camera']);
  assert.equal(await bo.has('control-leave-more'), false, 'who did not start it does not end it for others');
  await ana.page.keyboard.press('Escape');
  await press(ana, 'More ways to leave');
  await press(ana, 'End for everyone', 'menuitem');
  await press(ana, 'Press again to end for everyone', 'menuitem');
  for (const person of [ana, bo]) await reads(person, 'The host ended the call for everyone.');
  await leave(ana, bo);
});
