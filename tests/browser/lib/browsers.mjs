// Real browsers with fake cameras, a fresh profile each time.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import puppeteer from 'puppeteer-core';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const FIREFOX = process.env.FIREFOX ?? '/usr/bin/firefox-esr';

/** `preferences` are settings of the profile, `fps` is what the camera gives. */
export async function launchChromium({ viewport = { width: 1280, height: 800 }, args = [], preferences, fps = 30 } = {}) {
  let userDataDir;
  if (preferences) {
    userDataDir = await mkdtemp(path.join(tmpdir(), 'convene-profile-'));
    await mkdir(path.join(userDataDir, 'Default'));
    await writeFile(path.join(userDataDir, 'Default/Preferences'), JSON.stringify(preferences));
  }
  const browser = await puppeteer.launch({
    ...(userDataDir ? { userDataDir } : {}),
    browser: 'chrome',
    executablePath: CHROMIUM,
    headless: true,
    defaultViewport: viewport,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--disable-background-timer-throttling',
      '--disable-renderer-backgrounding',
      '--autoplay-policy=no-user-gesture-required',
      `--use-fake-device-for-media-stream=fps=${fps}`,
      '--use-fake-ui-for-media-stream',
      '--auto-select-desktop-capture-source=Entire screen',
      ...args,
    ],
  });
  if (userDataDir) browser.once('disconnected', () => void rm(userDataDir, { recursive: true, force: true, maxRetries: 5 }).catch(() => {}));
  return browser;
}

/** `preferences` go before those of every test: what somebody has chosen in the settings. */
export function launchFirefox({ viewport = { width: 1280, height: 800 }, preferences = {} } = {}) {
  return puppeteer.launch({
    browser: 'firefox',
    protocol: 'webDriverBiDi',
    executablePath: FIREFOX,
    headless: true,
    defaultViewport: viewport,
    extraPrefsFirefox: {
      'media.navigator.streams.fake': true,
      'media.navigator.permission.disabled': true,
      'media.peerconnection.ice.loopback': true,
      'media.peerconnection.ice.obfuscate_host_addresses': false,
      'media.autoplay.default': 0,
      ...preferences,
    },
  });
}
