/** A person at the page of a running server, in an own browser context, with everything that went wrong. */
import puppeteer from 'puppeteer-core';

export const tid = (id) => `[data-testid=${id}]`;

export const launch = () =>
  puppeteer.launch({
    browser: 'chrome',
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
      '--disable-background-timer-throttling', '--disable-renderer-backgrounding', '--autoplay-policy=no-user-gesture-required',
      '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', '--auto-accept-this-tab-capture', '--lang=en-GB',
    ],
  });

/** Runs before the page: notes what the browser's policies refuse, and every device that was opened. */
function watch() {
  window.__refused = [];
  addEventListener('securitypolicyviolation', (e) => window.__refused.push(`${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber} ${e.sample}`));
  if (window.ReportingObserver) new ReportingObserver((all) => all.forEach((r) => window.__refused.push(`${r.type} ${JSON.stringify(r.body)}`)), { buffered: true }).observe();
  window.__opened = [];
  const devices = navigator.mediaDevices;
  if (!devices) return;
  const open = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async (wanted) => {
    const stream = await open(wanted);
    window.__opened.push(...stream.getTracks());
    return stream;
  };
}

export class Person {
  static async signIn(url, browser, username, { viewport = { width: 1280, height: 800 }, theme = 'dark', timezone, script } = {}) {
    const context = await browser.createBrowserContext();
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    const person = new Person(page, username);
    page.on('console', (m) => ['error', 'warn'].includes(m.type()) && person.problems.push(`${username} ${m.type()}: ${m.text()}`));
    page.on('pageerror', (e) => person.problems.push(`${username} pageerror: ${e.message}`));
    page.on('requestfailed', (r) => person.problems.push(`${username} request: ${r.url()} ${r.failure()?.errorText}`));
    await person.listen();
    await page.evaluateOnNewDocument(watch);
    if (script) await page.evaluateOnNewDocument(script);
    await page.setViewport(viewport);
    if (timezone) await page.emulateTimezone(timezone);
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: theme }]);
    const answer = await page.goto(url);
    person.policy = answer.headers()['content-security-policy'] ?? '';
    await page.waitForSelector(tid('signin-username'));
    await page.type(tid('signin-username'), username);
    await page.type(tid('signin-password'), 'convene-demo');
    await page.click(tid('signin-submit'));
    await page.waitForFunction(() => window.__convene?.session.phase === 'ready');
    await page.waitForSelector(tid('channel-item'));
    return person;
  }

  constructor(page, username) {
    this.page = page;
    this.username = username;
    this.problems = [];
    /** Every frame the page sent on its socket. */
    this.sent = [];
  }

  async listen() {
    const session = await this.page.createCDPSession();
    await session.send('Network.enable');
    session.on('Network.webSocketFrameSent', ({ response }) => {
      try {
        this.sent.push(JSON.parse(response.payloadData));
      } catch {
        this.problems.push(`${this.username} sent a frame that is no JSON`);
      }
    });
  }
  /** The newest thing sent of a kind. */
  lastSent(op) {
    return this.sent.findLast((frame) => Object.values(frame).includes(op))?.d;
  }

  go(path) {
    return this.page.evaluate((to) => {
      history.pushState(null, '', to);
      dispatchEvent(new PopStateEvent('popstate'));
    }, path);
  }
  async click(id) {
    await this.page.waitForSelector(tid(id), { visible: true });
    await this.page.click(tid(id));
  }
  /** Through the lobby into the call, with a running preview and a connected path. */
  async join(channel) {
    await this.go(`/lobby/${channel}?video=1`);
    await this.page.waitForFunction(() => {
      document.querySelector('[data-problem="notAsked"] button')?.click();
      return document.querySelector('.preview')?.dataset.video === 'true' && document.querySelector('.preview video').videoWidth > 0;
    });
    await this.click('lobby-join');
    await this.page.waitForFunction(() => window.__convene.call.phase === 'joined' && window.__convene.call.media === 'connected');
  }
  /** All of the others' cameras have a picture. */
  sees(count) {
    return this.page.waitForFunction(
      (n) => [...document.querySelectorAll('[data-testid=tile][data-self=false][data-source=camera]')].filter((t) => t.dataset.video === 'true').length >= n,
      {},
      count,
    );
  }
  async say(text) {
    await this.page.type(tid('composer'), text);
    await this.page.keyboard.press('Enter');
    await this.page.waitForFunction((x) => [...document.querySelectorAll('[data-testid=message]')].some((m) => m.textContent.includes(x)), {}, text);
  }
  /** Milliseconds until the expression holds in the page. */
  async within(ms, what, test, ...args) {
    const from = performance.now();
    await this.page.waitForFunction(test, { timeout: ms, polling: 20 }, ...args).catch(() => {
      throw new Error(`${this.username}: not within ${ms} ms: ${what}`);
    });
    return Math.round(performance.now() - from);
  }
  async allProblems() {
    return [...this.problems, ...(await this.page.evaluate(() => window.__refused)).map((r) => `${this.username} policy: ${r}`)];
  }
}
