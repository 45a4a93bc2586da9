// A call full of people without media: the page's own stand-in server, and in the page a stand-in for the media path
// whose tracks are still pictures. What is measured then is the page, not the decoding of video in software.
import { stillPictures } from '../../../web-demo/mock/media.mjs';
import { listen } from '../../../web-demo/mock/server.mjs';
import { until } from './wait.mjs';

export class Crowd {
  /** Ana in a call with `others` more, all with a camera and a microphone, until the test ends. */
  static async start(t, browser, others, { viewport = { width: 1600, height: 1000 } } = {}) {
    const crowd = new Crowd();
    crowd.mock = await listen(0);
    t.after(() => crowd.close());
    const { api } = crowd.mock;
    crowd.ana = api.byName('ana').id;
    crowd.people = [];
    // A place for every camera, in the order in which they came.
    api.onOffer = (session, { callId, gen, sdp }) => {
      const free = JSON.parse(sdp).filter((line) => line.kind === 'video' && line.direction === 'recvonly');
      const midToTrack = Object.fromEntries(free.map(({ mid }, i) => [mid, crowd.people[i]?.camera]).filter(([, camera]) => camera));
      session.event('rtc:answer', { callId, gen, sdp: '', midToTrack });
    };
    const context = await browser.createBrowserContext();
    crowd.page = await context.newPage();
    const { page } = crowd;
    crowd.errors = [];
    page.on('pageerror', (error) => crowd.errors.push(String(error)));
    page.on('console', (message) => message.type() === 'error' && crowd.errors.push(message.text()));
    crowd.asked = [];
    const wire = await page.createCDPSession();
    await wire.send('Network.enable');
    wire.on('Network.webSocketFrameSent', ({ response }) => {
      const frame = JSON.parse(response.payloadData);
      if (frame.op === 'rtc:subscribe') crowd.asked.push({ at: performance.now(), tracks: frame.d.tracks });
    });
    await page.evaluateOnNewDocument(stillPictures);
    await page.setViewport(viewport);
    await page.goto(crowd.mock.url);
    await page.waitForSelector('[data-testid=signin-username]');
    await page.type('[data-testid=signin-username]', 'ana');
    await page.type('[data-testid=signin-password]', 'convene-demo');
    await page.click('[data-testid=signin-submit]');
    await page.waitForSelector('[data-channel-slug=design]');
    await page.evaluate(() => {
      history.pushState(null, '', '/lobby/design');
      dispatchEvent(new PopStateEvent('popstate'));
    });
    await page.waitForSelector('[data-testid=lobby-join]:not([disabled])');
    await page.click('[data-testid=lobby-join]');
    await page.waitForSelector('[data-testid=tile]');
    // Nobody points at the stage.
    await page.mouse.move(0, 0);
    crowd.call = [...api.calls.values()].at(-1);
    await crowd.come(others);
    return crowd;
  }

  emit(ev, d) {
    this.mock.api.emit([this.ana], ev, { callId: this.call.callId, channelId: this.call.channelId, ...d });
  }

  async come(count) {
    const first = this.people.length;
    for (let i = first; i < first + count; i++) {
      const id = String(i + 1).padStart(2, '0');
      const person = { userId: `u-${id}`, participantId: `p-${id}`, name: `Person ${id}`, camera: `c-${id}` };
      this.people.push(person);
      const { userId, participantId } = person;
      this.emit('call:participant_joined', { participant: this.mock.api.person({ id: userId, name: person.name }, participantId, { video: true }) });
      this.emit('rtc:track', { state: 'published', trackId: `m-${id}`, userId, participantId, kind: 'audio', source: 'mic', codec: 'opus', layers: 1, muted: false });
      this.emit('rtc:track', { state: 'published', trackId: person.camera, userId, participantId, kind: 'video', source: 'camera', codec: 'VP8', layers: 3, muted: false });
    }
    this.emit('rtc:sections', { audio: 0, video: count });
    await this.pictures(first + count + 1);
  }

  /** Everybody is in the call, and who is on the page has a picture. */
  pictures(people) {
    return until('pictures on every tile', 15_000, () =>
      this.page.evaluate((n) => {
        window.__paint();
        const tiles = [...document.querySelectorAll('[data-testid=tile][data-self=false]')];
        return window.__convene.call.participants.length === n && tiles.length > 0 && tiles.every((tile) => tile.dataset.video === 'true');
      }, people),
    );
  }

  leave(person) {
    this.emit('call:participant_left', { userId: person.userId, participantId: person.participantId, reason: 'left' });
  }

  /** What the server says of voices; the first has the floor unless another is named. */
  speak(speaking, dominant = speaking[0] ?? null) {
    const who = ({ userId, participantId }) => ({ userId, participantId });
    this.emit('call:speakers', { speakers: speaking.map((person) => ({ ...who(person), level: 90 })), dominant: dominant && who(dominant) });
  }

  /** Where everybody stands, as laid out: participant to place. */
  places() {
    return this.page.evaluate(() =>
      Object.fromEntries(
        [...document.querySelectorAll('[data-testid=tile]')].map((tile) => {
          const { width, height, transform } = tile.style;
          return [tile.dataset.participant, `${transform} ${width} ${height}`];
        }),
      ),
    );
  }

  async close() {
    await this.page?.browserContext().close();
    this.mock.close();
  }
}
