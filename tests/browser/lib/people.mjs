// People at the page: they click what a person clicks, and look through `window.__convene` at what arrives.
import { until } from './wait.mjs';

/**
 * What the cameras of these tests send: the smallest picture that browsers still split into three layers. Encoding and
 * decoding in software is what fills a machine of two cores, and none of it is ours.
 */
const CAMERA = { width: 960, height: 544 };

/** Runs in the page, before anything of it: cameras are asked for in this size. */
function smallerCameras(size) {
  const devices = navigator.mediaDevices;
  // Pages that are not secure, such as the empty first one, have none.
  if (!devices) return;
  const original = devices.getUserMedia.bind(devices);
  devices.getUserMedia = (wanted) => {
    const video = wanted?.video && { ...(wanted.video === true ? {} : wanted.video), width: { ideal: size.width }, height: { ideal: size.height } };
    return original(video ? { ...wanted, video } : wanted);
  };
}

/**
 * Runs in the page, before anything of it: a browser that has no time to encode sends smaller pictures, perhaps in fewer layers
 * (960 pixels in three layers become 720 in two). Who counts pixels and layers takes that choice away from it; then it drops frames.
 */
function steadyPictures() {
  const prototype = globalThis.RTCPeerConnection?.prototype;
  const original = prototype?.addTransceiver;
  if (!original) return;
  prototype.addTransceiver = function addTransceiver(kind, init) {
    const transceiver = original.call(this, kind, init);
    if (init?.direction !== 'recvonly' && transceiver.sender) {
      const parameters = transceiver.sender.getParameters();
      if (parameters.encodings?.length > 0) void transceiver.sender.setParameters({ ...parameters, degradationPreference: 'maintain-framerate-and-resolution' });
    }
    return transceiver;
  };
}

const id = (name) => `[data-testid="${name}"]`;

/** Another view, without loading the page again. */
export const goto = (person, path) =>
  person.page.evaluate((to) => {
    history.pushState(null, '', to);
    dispatchEvent(new PopStateEvent('popstate'));
  }, path);

/** Nobody acts on what they do not see yet: a picture or a message of the server may still be on its way to the page. */
function patient(page) {
  for (const act of ['click', 'focus', 'hover', 'select', 'type']) {
    const now = page[act].bind(page);
    page[act] = async (selector, ...rest) => {
      await (await page.waitForSelector(selector, { timeout: 10_000 })).dispose();
      return now(selector, ...rest);
    };
  }
  return page;
}

export class Person {
  /** Opens the page in its own browser context and signs in. `before` gets the page before it loads; `steady`: see `steadyPictures`. */
  static async signIn(server, browser, username, { viewport, query = '', prepare, before, page: prepared, bypassCSP = false, camera = CAMERA, steady = false } = {}) {
    const page = prepared ?? (await (await browser.createBrowserContext()).newPage());
    if (bypassCSP) await page.setBypassCSP(true);
    if (viewport) await page.setViewport(viewport);
    if (camera) await page.evaluateOnNewDocument(smallerCameras, camera);
    if (steady) await page.evaluateOnNewDocument(steadyPictures);
    if (prepare) await page.evaluateOnNewDocument(prepare);
    await before?.(page);
    const person = new Person(page, username, server);
    page.on('pageerror', (error) => person.errors.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') person.errors.push(message.text());
    });
    await page.goto(`${server.url}/${query}`, { waitUntil: 'load' });
    await page.waitForSelector(id('signin-username'), { timeout: 15_000 });
    // In a second tab, the name of the last time is there already.
    await page.click(id('signin-username'), { count: 3 });
    await page.type(id('signin-username'), username);
    await page.type(id('signin-password'), 'convene-demo');
    await person.click('signin-submit');
    await until(`${username} is connected`, 15_000, () =>
      page.evaluate(() => window.__convene?.session.phase === 'ready' || window.__convene?.session.phase === 'open' || window.__convene?.session.sessionId),
    );
    // The connection can be there before the view is, and nobody uses what they do not see yet.
    await page.waitForSelector('.shell', { timeout: 15_000 });
    return person;
  }

  constructor(page, username, server) {
    this.page = patient(page);
    this.username = username;
    this.server = server;
    this.errors = [];
  }

  async click(testid) {
    const element = await this.page.waitForSelector(id(testid), { timeout: 10_000 });
    // A real click where the browser allows it; in Firefox a covered element would miss it.
    await element.evaluate((node) => node.scrollIntoView({ block: 'nearest' }));
    await element.click();
    await element.dispose();
  }

  has(testid) {
    return this.page.evaluate((selector) => document.querySelector(selector) !== null, id(testid));
  }

  /** Through the lobby into the channel's call; resolves when media can flow. `ms` is what each step may take. */
  async join(channel = 'general', { camera = true, ms } = {}) {
    await this.page.evaluate((path) => {
      history.pushState(null, '', path);
      dispatchEvent(new PopStateEvent('popstate'));
    }, `/lobby/${channel}${camera ? '?video=1' : ''}`);
    // What a test holds is never freed, and the whole page hangs on it.
    await (await this.page.waitForSelector(id('lobby'), { timeout: ms ?? 10_000 })).dispose();
    await until(`${this.username}'s devices are open`, ms ?? 15_000, () =>
      this.page.evaluate((wanted) => {
        const { local } = window.__convene;
        // Not every browser says that it would not ask.
        document.querySelector('[data-problem="notAsked"] button')?.click();
        return local.micOn && (!wanted || local.cameraOn) && !document.querySelector('[data-testid="lobby-join"]').disabled;
      }, camera),
    );
    await this.click('lobby-join');
    await until(`${this.username} goes from the lobby to the call`, ms ?? 10_000, async () => !(await this.has('lobby')));
    await this.connected(ms);
  }

  connected(ms = 20_000) {
    return until(`${this.username} is in the call`, ms, async () => {
      const seen = await this.page.evaluate(() => {
        const { call, pc } = window.__convene;
        return { phase: call.phase, media: call.media, ice: pc?.iceConnectionState, dtls: pc?.connectionState, signalling: pc?.signalingState, view: location.pathname };
      });
      if (seen.phase === 'joined' && seen.media === 'connected') return true;
      throw new Error(JSON.stringify(seen));
    });
  }

  /** Closes the page with its call. */
  async close() {
    await this.page.browserContext().close();
  }

  async leave() {
    await this.click('control-leave');
    await until(`${this.username} left`, 5_000, () => this.page.evaluate(() => window.__convene.call.phase === 'idle'));
  }

  call() {
    return this.page.evaluate(() => {
      const { phase, participants, tracks, callId, media } = window.__convene.call;
      return JSON.parse(JSON.stringify({ phase, participants, tracks, callId, media }));
    });
  }

  /** What the others publish. */
  async tracks(filter = () => true) {
    return (await this.call()).tracks.filter(filter);
  }

  /** This person's user id, as the participants list tells it. */
  userId() {
    return until(`${this.username} is among the participants`, 5_000, () =>
      this.page.evaluate(() => {
        const { participants, participantId } = window.__convene.call;
        return participants.find((p) => p.participantId === participantId)?.userId;
      }),
    );
  }

  setLayer(trackId, layer) {
    return this.page.evaluate((track, wanted) => window.__convene.setLayer(track, wanted), trackId, layer);
  }

  limitFps(trackId, maxFps) {
    return this.page.evaluate((track, limit) => window.__convene.limitFps(track, limit), trackId, maxFps);
  }

  /** One row per received track: counters of `getStats` with the track's id and source. */
  received() {
    return this.page.evaluate(async () => {
      const { pc, call, midOf } = window.__convene;
      if (!pc) return [];
      const rows = [];
      const codecs = new Map();
      (await pc.getStats()).forEach((row) => {
        if (row.type === 'inbound-rtp') rows.push(row);
        if (row.type === 'codec') codecs.set(row.id, row.mimeType.split('/')[1]);
      });
      return call.tracks.flatMap(({ trackId, userId, source, kind, muted }) => {
        const mid = midOf(trackId);
        const row = rows.find((candidate) => candidate.mid === mid);
        if (!row) return [{ trackId, userId, source, kind, muted, missing: true }];
        return [{
          trackId, userId, source, kind, muted,
          at: row.timestamp,
          framesDecoded: row.framesDecoded ?? 0,
          keyFramesDecoded: row.keyFramesDecoded ?? 0,
          width: row.frameWidth ?? 0,
          freezes: row.freezeCount ?? 0,
          frozenSeconds: row.totalFreezesDuration ?? 0,
          energy: row.totalAudioEnergy ?? 0,
          samples: row.totalSamplesReceived ?? 0,
          concealed: row.concealedSamples ?? 0,
          packets: row.packetsReceived ?? 0,
          lost: row.packetsLost ?? 0,
          nacks: row.nackCount ?? 0,
          plis: row.pliCount ?? 0,
          dropped: row.framesDropped ?? 0,
          codec: codecs.get(row.codecId) ?? '',
        }];
      });
    });
  }

  /** The pair that media takes: what the browser says of both of its ends. */
  path() {
    return this.page.evaluate(async () => {
      const rows = new Map();
      (await window.__convene.pc.getStats()).forEach((row) => rows.set(row.id, row));
      const transport = [...rows.values()].find((row) => row.type === 'transport');
      // Firefox has no transports in its statistics, and marks the pair.
      const pair = rows.get(transport?.selectedCandidatePairId) ?? [...rows.values()].find((row) => row.type === 'candidate-pair' && row.selected);
      const end = (row) => row && { protocol: row.protocol, type: row.candidateType, relay: row.relayProtocol, port: row.port };
      return pair && { local: end(rows.get(pair.localCandidateId)), remote: end(rows.get(pair.remoteCandidateId)), received: pair.bytesReceived };
    });
  }

  /** The layers I send of my camera, lowest first. */
  sending() {
    return this.page.evaluate(async () => {
      const rows = [];
      (await window.__convene.pc.getStats()).forEach((row) => row.type === 'outbound-rtp' && row.rid && rows.push(row));
      return ['q', 'h', 'f'].map((rid) => {
        const row = rows.find((candidate) => candidate.rid === rid);
        return { rid, fps: row?.framesPerSecond ?? 0, width: row?.frameWidth ?? 0, limited: row?.qualityLimitationReason ?? 'not sent' };
      });
    });
  }

  /** How many pictures a second my browser encodes of my camera, by stream: what the machine has the time for. */
  encoded() {
    return this.page.evaluate(async () => {
      const rows = [];
      const screen = window.__convene.local.screenTrack?.id;
      const stats = await window.__convene.pc.getStats();
      stats.forEach((row) => {
        if (row.type !== 'outbound-rtp' || row.kind !== 'video') return;
        if (screen && stats.get(row.mediaSourceId)?.trackIdentifier === screen) return;
        rows.push({ rid: row.rid ?? '', width: row.frameWidth ?? 0, fps: row.framesPerSecond ?? 0 });
      });
      return rows;
    });
  }

  async receivedTrack(trackId) {
    return (await this.received()).find((row) => row.trackId === trackId);
  }
}

/** Of what `encoded` gave, again and again: the mean of the rates, of the only stream or of those that are `width` wide. */
export function encodedFps(samples, width) {
  const rates = samples.flatMap((rows) => (rows.length === 1 ? rows : rows.filter((row) => row.width === width)).map((row) => row.fps));
  return rates.reduce((sum, one) => sum + one, 0) / rates.length;
}

/** The same, of whichever stream was the fastest each time: a layer may have just begun. */
export function fastestFps(samples) {
  const rates = samples.map((rows) => Math.max(0, ...rows.map((row) => row.fps)));
  return rates.reduce((sum, one) => sum + one, 0) / rates.length;
}

/** An upper bound of the longest freeze of a track in a series of samples: seconds frozen between two of them. */
export function longestFreeze(samples, trackId) {
  const frozen = samples.map((rows) => rows.find((row) => row.trackId === trackId)?.frozenSeconds ?? 0);
  return Math.max(0, ...frozen.slice(1).map((now, index) => now - frozen[index]));
}

/** Difference of two samples of the same tracks, per second. */
export function progress(before, after) {
  return after.map((now) => {
    const then = before.find((row) => row.trackId === now.trackId) ?? {};
    const seconds = (now.at - (then.at ?? now.at)) / 1000;
    return {
      ...now,
      seconds,
      fps: seconds > 0 ? (now.framesDecoded - then.framesDecoded) / seconds : 0,
      frames: now.framesDecoded - (then.framesDecoded ?? 0),
      frozen: now.frozenSeconds - (then.frozenSeconds ?? 0),
      energyGained: now.energy - (then.energy ?? 0),
    };
  });
}
