/**
 * The pictures of the README: three people in a call, a conversation with its thread, both on a phone, and the
 * connection test. They come from a real server with real calls: from one of its own, or from a fresh
 * `convene serve --dev` with this page inside.
 *
 *   cargo build && npm run pictures                        target/debug serves the page of web-demo/dist
 *   CONVENE_URL=http://127.0.0.1:7880 npm run pictures -- [--out docs/images]
 */
import { mkdirSync, statSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { Server } from '../../tests/browser/lib/server.mjs';
import { launch, Person, tid } from './person.mjs';

const arg = (name) => (process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : undefined);
const out = arg('--out') ?? new URL('../../docs/images/', import.meta.url).pathname;
mkdirSync(out, { recursive: true });
/** Where it is office time while this runs. */
const ZONE = ['Etc/UTC', 'Asia/Tokyo', 'America/Los_Angeles'][(Math.floor((new Date().getUTCHours() + 16) / 8)) % 3];
const WIDE = { width: 1110, height: 680 };
const PHONE = { width: 390, height: 780, isMobile: true, hasTouch: true, deviceScaleFactor: 1.5 };
let url = process.env.CONVENE_URL;
let server;

async function api(token, path, body, method = body ? 'POST' : 'GET') {
  const answer = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: { 'content-type': 'application/json', 'idempotency-key': randomUUID(), ...(token ? { authorization: `Bearer ${token}` } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()).data;
}

/** A drawn camera and a drawn slide instead of the browser's test card; they travel through the real server. */
function drawn(who) {
  const looks = {
    ana: { wall: '#2f4858', lamp: '#3f6177', skin: '#e0b08c', hair: '#3a2418', coat: '#d9644a' },
    bo: { wall: '#4a4063', lamp: '#5f5380', skin: '#f0c8a8', hair: '#c9a25a', coat: '#2c7a7b' },
    cy: { wall: '#5b4636', lamp: '#745a46', skin: '#8a5a3c', hair: '#1c1714', coat: '#e0b03e' },
  };
  const look = looks[who] ?? looks.ana;
  const film = (width, height, draw) => {
    const canvas = document.createElement('canvas');
    Object.assign(canvas, { width, height });
    const g = canvas.getContext('2d');
    const paint = () => draw(g, performance.now() / 1000);
    paint();
    setInterval(paint, 100);
    return canvas.captureStream(10).getVideoTracks()[0];
  };
  const oval = (g, x, y, rx, ry, colour) => {
    g.fillStyle = colour;
    g.beginPath();
    g.ellipse(x, y, rx, ry, 0, 0, 7);
    g.fill();
  };
  const face = (g, now) => {
    const [x, y] = [320 + Math.sin(now * 0.9) * 4, 178 + Math.sin(now * 1.7) * 2];
    g.fillStyle = look.wall;
    g.fillRect(0, 0, 640, 360);
    oval(g, 540, 70, 120, 120, look.lamp);
    g.fillStyle = look.lamp;
    g.fillRect(60, 40, 110, 150);
    oval(g, x, y - 22, 78, 84, look.hair);
    if (who !== 'bo') oval(g, x, y + 40, 82, 90, look.hair);
    oval(g, 320, 400, 170, 130, look.coat);
    g.fillStyle = look.skin;
    g.fillRect(x - 26, y + 50, 52, 60);
    oval(g, 320, 282, 44, 22, look.skin);
    oval(g, x, y, 62, 78, look.skin);
    g.fillStyle = look.hair;
    g.beginPath();
    g.ellipse(x, y - 46, 64, 38, 0, Math.PI, 0);
    g.fill();
    for (const side of [-24, 24]) oval(g, x + side, y - 4, 6, 7, '#26201c');
    g.strokeStyle = '#7a3b32';
    g.lineWidth = 5;
    g.lineCap = 'round';
    g.beginPath();
    g.arc(x, y + 22, 22, 0.25, Math.PI - 0.25);
    g.stroke();
  };
  const slide = (g) => {
    g.fillStyle = '#fbfaf7';
    g.fillRect(0, 0, 1280, 720);
    g.fillStyle = '#1d2433';
    g.font = '700 52px sans-serif';
    g.fillText('Spring release', 80, 120);
    g.font = '400 28px sans-serif';
    g.fillStyle = '#566072';
    g.fillText('Sign-ups per week, thousand', 80, 172);
    [3.1, 3.4, 4.2, 4.0, 5.3, 6.1, 7.4, 8.8].forEach((v, i) => {
      const h = v * 44;
      g.fillStyle = i < 5 ? '#b9c4ea' : '#3b5bdb';
      g.fillRect(96 + i * 86, 632 - h, 54, h);
      g.fillStyle = '#566072';
      g.font = '500 22px sans-serif';
      g.fillText(v.toFixed(1), 104 + i * 86, 618 - h);
      g.fillText(`w${i + 1}`, 110 + i * 86, 668);
    });
    g.fillStyle = '#1d2433';
    g.fillRect(80, 632, 700, 3);
    [['Faster joining', '#176b33'], ['Screen with sound', '#176b33'], ['Call history', '#176b33'], ['Help pages', '#b97a00'], ['Translations', '#8a93a3']].forEach(([text, colour], i) => {
      oval(g, 870, 262 + i * 74, 12, 12, colour);
      g.fillStyle = '#1d2433';
      g.font = '500 34px sans-serif';
      g.fillText(text, 904, 274 + i * 74);
    });
  };
  const devices = navigator.mediaDevices;
  const open = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async (wanted) => {
    const stream = wanted.audio ? await open({ audio: wanted.audio }) : new MediaStream();
    if (wanted.video) stream.addTrack(film(640, 360, face));
    return stream;
  };
  devices.getDisplayMedia = async () => new MediaStream([film(1280, 720, slide)]);
}

const browser = await launch();
async function shoot(page, file) {
  await page.evaluate(() => Promise.all(document.getAnimations().filter((a) => a.effect?.getTiming().iterations === 1).map((a) => a.finished.catch(() => {}))));
  await page.screenshot({ path: `${out}/${file}.png` });
  console.log(`${file}.png`, Math.round(statSync(`${out}/${file}.png`).size / 1000), 'kB');
}

const tokens = {};
const users = {};
const channels = async () => {
  const list = await api(tokens.ana, '/channels');
  return list.channels ?? list;
};
const channel = async (name) => (await channels()).find((c) => c.name === name);
const post = async (who, where, content, threadId) => (await api(tokens[who], `/channels/${(await channel(where)).id}/messages`, { content, ...(threadId ? { threadId } : {}) })).message;
const react = (who, { id }, emoji) => api(tokens[who], `/messages/${id}/reactions/${encodeURIComponent(emoji)}`, undefined, 'PUT');

/** People get a colour by their id, which is another one on each server. */
async function severalColours() {
  const ana = await Person.signIn(url, browser, 'ana');
  await ana.page.waitForFunction(() => document.querySelectorAll('.sidebar .avatar').length >= 4);
  const colours = await ana.page.evaluate(() => new Set([...document.querySelectorAll('.sidebar .avatar')].map((one) => one.className.match(/avatar-c\d+/)?.[0])).size);
  await ana.page.browserContext().close();
  return colours >= 4;
}
async function serve() {
  if (url && (await severalColours())) return;
  if (url) throw new Error('two people share a colour here; take another fresh server');
  for (;;) {
    server = await Server.start({ CONVENE_MEDIA_SHARDS: '1' });
    url = server.url;
    if (await severalColours()) return;
    await server.stop();
  }
}

/** The conversation before the call. */
async function seed() {
  for (const username of ['ana', 'bo', 'cy', 'di']) {
    const { token, user } = await api(null, '/auth/login', { username, password: 'convene-demo' });
    tokens[username] = token;
    users[username] = user;
  }
  const everybody = Object.values(users).map((u) => u.id);
  for (const name of ['release', 'support', 'visuals']) await api(tokens.ana, '/channels', { type: 'general', name, participants: everybody });
  const talk = [
    ['ana', 'Morning! The sign-up numbers for week 8 are in: 8.8 thousand.'],
    ['bo', 'That is the steepest week so far. Was it the new tour?'],
    ['ana', 'Mostly. Two thirds of the new people took it to the end.'],
    ['ana', 'And half of those were in a call within the first minute.'],
    ['di', 'Support can confirm: not a single “can you hear me” ticket this week.'],
    ['bo', 'I put the chart into the slides, could you check the last bar?\nhttps://intranet.example.org/slides/spring-release'],
    ['cy', 'Checked, 8.8 it is. I would colour the weeks after the release differently, then the jump explains itself.'],
    ['bo', 'Good idea, done.'],
    ['di', 'One question from a customer: can they share a screen and keep the camera on?'],
    ['cy', 'Yes, both at once. The screen gets the large place, faces move to the side.'],
    ['ana', 'Shall we walk through it together? I will start the call here.'],
  ];
  const said = [];
  for (const [who, content] of talk) said.push(await post(who, 'general', content));
  const asked = said[8];
  for (const [who, content] of [
    ['bo', 'Does that work from a tablet as well?'],
    ['cy', 'Where the browser can share a screen. Safari on iPads cannot, so no button is shown there.'],
    ['di', 'Good to know, I will tell them.'],
    ['ana', 'We could put that into the help pages.'],
  ]) await post(who, 'general', content, asked.id);
  for (const who of ['bo', 'cy', 'di']) await react(who, said[0], '🎉');
  for (const who of ['ana', 'bo']) await react(who, said[9], '👍');
}

async function chat() {
  await post('di', 'general', 'Sorry, was with a customer. Did you agree on the colours?');
  await post('di', 'general', 'They loved the screen sharing, by the way.');
  for (const [viewport, file] of [[undefined, 'chat'], [PHONE, 'chat-phone']]) {
    const ana = await Person.signIn(url, browser, 'ana', { theme: 'light', timezone: ZONE, viewport: viewport ?? WIDE });
    const cy = await Person.signIn(url, browser, 'cy');
    await Promise.all([ana.go('/c/general'), cy.go('/c/general')]);
    // Where she has been before, nothing is new.
    await ana.page.waitForSelector(viewport ? tid('thread-open') : '.divider-new');
    await cy.page.waitForSelector(tid('composer'));
    if (!viewport) {
      const dm = await api(tokens.cy, '/dms', { userId: users.ana.id });
      await api(tokens.cy, `/channels/${(dm.channel ?? dm).id}/messages`, { content: 'The new icons are up, have a look?' });
      await post('di', 'visuals', 'New icons are up.');
      await ana.page.waitForFunction(() => document.querySelector('.badge') && document.querySelector('.unread-dot'));
      await ana.click('thread-open');
      await ana.page.waitForFunction((panel, message) => document.querySelectorAll(`${panel} ${message}`).length >= 4, {}, tid('thread-panel'), tid('message'));
    }
    await cy.page.type(tid('composer'), 'Yes, we');
    await ana.page.waitForFunction(() => document.querySelector('[data-testid=typing]')?.textContent);
    await ana.page.evaluate(() => document.activeElement?.blur());
    await ana.page.mouse.move(1, 1);
    await shoot(ana.page, file);
    for (const p of [ana, cy]) await p.page.browserContext().close();
  }
}

/** What one tries before a call. */
async function test() {
  const bo = await Person.signIn(url, browser, 'bo', { theme: 'light', script: `(${drawn})('bo')`, viewport: { width: 1000, height: 850 } });
  await bo.go('/test');
  await bo.click('net-test-start');
  await bo.page.waitForSelector(`${tid('net-test')}[data-phase=done]`, { timeout: 60_000 });
  await bo.click('heard-yes');
  await bo.page.evaluate(() => document.activeElement?.blur());
  await shoot(bo.page, 'test');
  await bo.page.browserContext().close();
}

async function call() {
  const ana = await Person.signIn(url, browser, 'ana', { viewport: WIDE, script: `(${drawn})('ana')` });
  const bo = await Person.signIn(url, browser, 'bo', { script: `(${drawn})('bo')` });
  const cy = await Person.signIn(url, browser, 'cy', { viewport: PHONE, script: `(${drawn})('cy')` });
  await ana.go('/c/general');
  const patience = Date.now() + 10_000;
  while ((await channel('general')).unread > 0) if (Date.now() > patience) throw new Error('what was read stays unread');
  for (const p of [ana, bo, cy]) await p.join('general');
  for (const p of [ana, cy]) await p.sees(2);
  // Two listen, one talks.
  await ana.click('control-mic');
  await cy.click('control-mic');
  await ana.page.waitForFunction(() => document.querySelector('[data-user=cy][data-muted=true]'));
  await bo.click('control-screen');
  for (const p of [ana, cy]) await p.page.waitForFunction(() => document.querySelector('[data-source=screen][data-video=true] video')?.videoWidth >= 1000);
  // Sharp text and a call that runs for a while: both come with time.
  await ana.page.waitForFunction(() => Date.now() - window.__convene.call.joinedAt > 20_000, { timeout: 60_000 });
  await ana.page.waitForFunction(() => document.querySelector('[data-user=bo][data-speaking=true]') && !document.querySelector('.tile [data-testid=tile-note]'), { polling: 50, timeout: 60_000 });
  await shoot(ana.page, 'call');
  await bo.click('control-screen');
  await cy.page.waitForFunction(() => !document.querySelector('[data-source=screen]'));
  await cy.page.waitForFunction(() => document.querySelector('[data-user=bo][data-speaking=true]') && !document.querySelector('[data-testid=tile-note]'), { polling: 50, timeout: 60_000 });
  await shoot(cy.page, 'call-phone');
  for (const p of [cy, bo, ana]) {
    await p.click('control-leave');
    await p.page.waitForFunction(() => window.__convene.call.phase === 'idle');
    await p.page.browserContext().close();
  }
}

try {
  await serve();
  await seed();
  await call();
  await chat();
  await test();
} finally {
  await browser.close();
  await server?.stop();
}
