// Devices that do what a test says: refused, unplugged, silent, or in use elsewhere; and a clock that can be moved on.

/**
 * Runs in the page, before anything of it. `window.lab` is the bench; what has to be known from the start of a page is
 * read from `sessionStorage.lab`, so that it outlives a reload.
 */
function bench() {
  if (!navigator.mediaDevices) return;
  const start = JSON.parse(sessionStorage.getItem('lab') ?? '{}');
  const device = (kind, deviceId, label, groupId = '') => ({ kind, deviceId, label, groupId, toJSON: () => ({}) });
  const BUILT_IN = [
    device('audioinput', 'built-in', 'Built-in Microphone', 'machine'),
    device('videoinput', 'camera', 'Built-in Camera', 'machine'),
    device('audiooutput', 'speakers', 'Built-in Speakers', 'machine'),
  ];
  const lab = {
    device,
    permission: { microphone: start.permission ?? 'granted', camera: start.permission ?? 'granted' },
    /** By kind: what `getUserMedia` throws, as [name, message]. */
    refuse: start.refuse ?? {},
    devices: [...BUILT_IN, ...(start.plugged ?? []).map((one) => device(...one))],
    asked: [],
    open: [],
    loudness: 0.3,
    /** Before the first permission there are no names. */
    named: true,
  };
  window.lab = lab;

  let ahead = 0;
  lab.skip = (ms) => void (ahead += ms);
  const [now, perf] = [Date.now.bind(Date), performance.now.bind(performance)];
  Date.now = () => now() + ahead;
  performance.now = () => perf() + ahead;

  const statuses = [];
  const query = navigator.permissions.query.bind(navigator.permissions);
  navigator.permissions.query = async (wanted) => {
    if (!(wanted.name in lab.permission)) return query(wanted);
    const status = new EventTarget();
    Object.defineProperty(status, 'state', { get: () => lab.permission[wanted.name] });
    status.kind = wanted.name;
    statuses.push(status);
    return status;
  };
  lab.allow = (kind, state) => {
    lab.permission[kind] = state;
    for (const status of statuses) if (status.kind === kind) status.dispatchEvent(new Event('change'));
  };

  const named = (one) => (lab.permission[one.kind === 'videoinput' ? 'camera' : 'microphone'] === 'granted' ? one : device(one.kind, '', ''));
  navigator.mediaDevices.enumerateDevices = async () => lab.devices.map(named);
  const changed = () => navigator.mediaDevices.dispatchEvent(new Event('devicechange'));
  lab.plug = (...ones) => {
    lab.devices.push(...ones);
    changed();
  };
  lab.unplug = (deviceId) => {
    lab.devices = lab.devices.filter((one) => one.deviceId !== deviceId);
    for (const track of lab.open.filter((one) => one.deviceId === deviceId && one.readyState === 'live')) {
      track.stop();
      track.dispatchEvent(new Event('ended'));
    }
    changed();
  };

  // No speaker of a test exists.
  const sinks = new WeakMap();
  Object.defineProperty(HTMLMediaElement.prototype, 'sinkId', { get() { return sinks.get(this) ?? ''; } });
  HTMLMediaElement.prototype.setSinkId = async function (id) {
    sinks.set(this, id);
  };

  let context;
  let gain;
  const sound = () => {
    if (!context) {
      context = new AudioContext();
      const oscillator = new OscillatorNode(context, { frequency: 330 });
      gain = new GainNode(context, { gain: lab.loudness });
      oscillator.connect(gain);
      oscillator.start();
    }
    void context.resume();
    const end = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
    gain.connect(end);
    return end.stream.getAudioTracks()[0];
  };
  lab.speak = (loudness) => {
    lab.loudness = loudness;
    if (gain) gain.gain.value = loudness;
  };
  const picture = () => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 180 });
    const pen = canvas.getContext('2d');
    setInterval(() => {
      pen.fillStyle = `hsl(${(perf() / 20) % 360} 60% 40%)`;
      pen.fillRect(0, 0, 320, 180);
    }, 100);
    return canvas.captureStream(10).getVideoTracks()[0];
  };
  const one = (kind, wanted) => {
    const input = kind === 'microphone' ? 'audioinput' : 'videoinput';
    const there = lab.devices.filter((candidate) => candidate.kind === input);
    const exact = wanted?.deviceId?.exact;
    const found = exact ? there.find((candidate) => candidate.deviceId === exact) : there[0];
    if (!found) throw exact && there.length > 0 ? Object.assign(new Error('deviceId'), { name: 'OverconstrainedError' }) : new DOMException('Requested device not found', 'NotFoundError');
    const track = kind === 'microphone' ? sound() : picture();
    Object.defineProperty(track, 'label', { value: found.label });
    track.deviceId = found.deviceId;
    track.getSettings = () => ({ deviceId: found.deviceId, groupId: found.groupId });
    lab.open.push(track);
    return track;
  };
  navigator.mediaDevices.getUserMedia = async ({ audio, video }) => {
    const tracks = [];
    for (const [kind, wanted] of [['microphone', audio], ['camera', video]]) {
      if (!wanted) continue;
      lab.asked.push(kind);
      const refused = lab.refuse[kind];
      if (refused) throw new DOMException(refused[1], refused[0]);
      if (lab.permission[kind] === 'denied') throw new DOMException('Permission denied', 'NotAllowedError');
      if (lab.permission[kind] === 'prompt') lab.allow(kind, 'granted');
      tracks.push(one(kind, wanted));
    }
    return new MediaStream(tracks);
  };
}

/** For `Person.signIn({ before })`. */
export const withLab = (page) => page.evaluateOnNewDocument(bench);

/** What the page shall find when it loads. */
export const arrange = (page, start) => page.evaluate((given) => sessionStorage.setItem('lab', JSON.stringify(given)), start);

/** The visible text of the first element with this `data-testid`, or nothing. */
export const textOf = (page, testid) => page.evaluate((name) => document.querySelector(`[data-testid="${name}"]`)?.innerText?.replace(/\s+/g, ' ').trim() ?? null, testid);

export const toasts = (page) => textOf(page, 'toasts');
