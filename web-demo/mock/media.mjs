/**
 * A stand-in for the media path, to run in a page before anything of it: connections that connect, and tracks that are
 * still pictures. What is looked at, or measured, is then the page, not the decoding of video in software.
 *
 *   await page.evaluateOnNewDocument(stillPictures, { faces: true });
 *
 * `faces`: somebody is to be seen in each, the own camera included; otherwise every picture is one colour.
 */
export function stillPictures({ faces = false } = {}) {
  const painted = [];
  const colour = (i, light) => `hsl(${(i * 47) % 360} 35% ${light}%)`;
  const somebody = (g, i, { width, height }) => {
    const [x, y] = [width / 2, height * 0.45];
    const oval = (cx, cy, rx, ry, fill) => {
      g.fillStyle = fill;
      g.beginPath();
      g.ellipse(cx, cy, rx, ry, 0, 0, 7);
      g.fill();
    };
    oval(width * 0.82, height * 0.2, height * 0.3, height * 0.3, colour(i, 42));
    oval(x, y - height * 0.04, height * 0.21, height * 0.26, ['#3a2418', '#c9a25a', '#1c1714', '#6b4a32'][i % 4]);
    oval(x, height * 1.1, height * 0.46, height * 0.38, colour(i + 3, 55));
    oval(x, y + height * 0.03, height * 0.165, height * 0.21, ['#e0b08c', '#f0c8a8', '#8a5a3c', '#c68c66'][i % 4]);
  };
  const slide = (g, { width, height }) => {
    g.fillStyle = '#fbfaf7';
    g.fillRect(0, 0, width, height);
    g.fillStyle = '#1d2433';
    g.font = '700 52px sans-serif';
    g.fillText('Spring release', 80, 120);
    g.fillRect(width - 4, height - 4, (performance.now() / 500) % 4, 4);
    [3.1, 3.4, 4.2, 4.0, 5.3, 6.1, 7.4, 8.8].forEach((value, i) => {
      g.fillStyle = i < 5 ? '#b9c4ea' : '#3b5bdb';
      g.fillRect(96 + i * 136, 640 - value * 52, 92, value * 52);
    });
  };
  const paint = (one, i) => {
    const { canvas, context } = one;
    if (one.slide) return slide(context, canvas);
    // Never quite the same: a picture that did not change is not sent.
    context.fillStyle = colour(i, 35 + (performance.now() % 3));
    context.fillRect(0, 0, canvas.width, canvas.height);
    if (faces) somebody(context, i, canvas);
  };
  function picture() {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = faces ? [640, 360] : [320, 180];
    const one = { canvas, context: canvas.getContext('2d') };
    painted.push(one);
    paint(one, painted.length);
    return canvas.captureStream(5).getVideoTracks()[0];
  }
  /** Elements show the first picture that is painted after they were set up. */
  window.__paint = () => painted.forEach(paint);
  /** What came last is no face but a shared screen. */
  window.__slide = () => {
    const one = painted.at(-1);
    Object.assign(one, { slide: true });
    Object.assign(one.canvas, { width: 1280, height: 720 });
  };

  const connections = [];
  window.RTCPeerConnection = class extends EventTarget {
    connectionState = 'new';
    iceConnectionState = 'new';
    signalingState = 'stable';
    localDescription = null;
    #transceivers = [];
    #channel = null;
    #arrived = 0;
    constructor() {
      super();
      connections.push(this);
    }
    addTransceiver(what, { direction }) {
      const kind = typeof what === 'string' ? what : what.kind;
      const track = kind === 'video' && direction === 'recvonly' ? picture() : { kind, id: `none-${this.#transceivers.length}` };
      const sender = { replaceTrack: async () => {}, setParameters: async () => {}, getParameters: () => ({ encodings: [] }) };
      const transceiver = { mid: null, kind, direction, currentDirection: null, sender, receiver: { track } };
      this.#transceivers.push(transceiver);
      return transceiver;
    }
    getTransceivers() {
      return this.#transceivers;
    }
    /** Sends everything back. */
    createDataChannel() {
      const channel = { readyState: 'connecting', bufferedAmount: 0, send: (data) => setTimeout(() => channel.onmessage?.({ data }), 18) };
      this.#channel = channel;
      return channel;
    }
    async createOffer() {
      return { type: 'offer', sdp: '' };
    }
    async setLocalDescription() {
      this.#transceivers.forEach((one, i) => (one.mid = String(i)));
      const lines = this.#transceivers.map(({ mid, kind, direction }) => ({ mid, kind, direction }));
      this.localDescription = { type: 'offer', sdp: JSON.stringify(lines) };
      this.signalingState = 'have-local-offer';
    }
    async setRemoteDescription() {
      this.signalingState = 'stable';
      if (this.cut) return;
      this.become('connected');
      if (!this.#channel) return;
      this.#channel.readyState = 'open';
      setTimeout(() => this.#channel.onopen?.());
    }
    become(state) {
      this.connectionState = state;
      this.iceConnectionState = state;
      this.dispatchEvent(new Event('iceconnectionstatechange'));
      this.dispatchEvent(new Event('connectionstatechange'));
    }
    async getStats() {
      // Something always arrives, until the cable is cut.
      if (!this.cut) this.#arrived += 1000;
      return new Map([['pair', { id: 'pair', type: 'candidate-pair', timestamp: performance.now(), nominated: true, state: 'succeeded', bytesReceived: this.#arrived, currentRoundTripTime: 0.024 }]]);
    }
    getConfiguration() {
      return {};
    }
    setConfiguration() {}
    close() {}
  };
  /** Nothing gets through any more. */
  window.__cut = () => {
    for (const one of connections) {
      one.cut = true;
      one.become('disconnected');
    }
  };
  /** Later, at once; what waits for a time of day looks at the clock again. */
  const clock = Date.now;
  let ahead = 0;
  Date.now = () => clock() + ahead;
  window.__later = (ms) => {
    ahead += ms;
    dispatchEvent(new Event('offline'));
  };

  /** Time stands still. */
  window.__freeze = () => {
    const now = Date.now();
    Date.now = () => now;
  };

  if (!faces || !navigator.mediaDevices) return;
  const devices = navigator.mediaDevices;
  const open = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async (wanted) => {
    const stream = wanted.audio ? await open({ audio: wanted.audio }) : new MediaStream();
    if (wanted.video) stream.addTrack(picture());
    return stream;
  };
  devices.getDisplayMedia = async () => {
    const track = picture();
    window.__slide();
    return new MediaStream([track]);
  };
  setInterval(window.__paint, 500);
}
