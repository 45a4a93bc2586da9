// A camera that flashes and a microphone that beeps at the same moment, and an eye and an ear that time them.

/** Before the page loads: its devices become a canvas that flashes and an oscillator that beeps. */
export function flashingDevices(page, { every, width, height, fps }) {
  return page.evaluateOnNewDocument(
    (interval, w, h, rate) => {
      const LENGTH = 0.12;
      let context;
      let sound;
      let picture;
      const start = () => {
        if (context) return;
        context = new AudioContext({ latencyHint: 'interactive' });
        void context.resume();
        const oscillator = new OscillatorNode(context, { frequency: 1000 });
        const gate = new GainNode(context, { gain: 0 });
        sound = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
        oscillator.connect(gate).connect(sound);
        oscillator.start();
        const canvas = document.createElement('canvas');
        Object.assign(canvas, { width: w, height: h });
        const pen = canvas.getContext('2d');
        let next = context.currentTime + interval / 1000;
        let lit = false;
        const draw = () => {
          const now = context.currentTime;
          if (now > next - 0.1 && gate.nextBeep !== next) {
            // Scheduled in the audio clock, so that the beep begins to the sample.
            gate.gain.setValueAtTime(0.6, next);
            gate.gain.setValueAtTime(0, next + LENGTH);
            gate.nextBeep = next;
          }
          lit = now >= next && now < next + LENGTH;
          if (now >= next + LENGTH) next += interval / 1000;
          pen.fillStyle = lit ? '#fff' : '#102040';
          pen.fillRect(0, 0, w, h);
          if (!lit) {
            // Something moves, or the encoder would send nothing between the flashes.
            pen.fillStyle = '#284060';
            pen.fillRect((now * 90) % w, h * 0.8, 24, 24);
          }
        };
        setInterval(draw, 1000 / rate / 2);
        draw();
        picture = canvas.captureStream(rate);
        window.flashing = { sound: sound.stream, picture };
      };
      navigator.mediaDevices.getUserMedia = async ({ audio, video }) => {
        start();
        const tracks = [];
        if (audio) tracks.push(sound.stream.getAudioTracks()[0].clone());
        if (video) tracks.push(picture.getVideoTracks()[0].clone());
        return new MediaStream(tracks);
      };
    },
    every, width, height, fps,
  );
}

/** Of a clock whose readings come late, so many of the last say how far it is behind. */
const READINGS = 200;

/** In a worker of the page: when a picture turned bright and a sound began, on the wall clock, which pages share. */
function senses(readings) {
  const flashes = [];
  const beeps = [];
  // A busy machine reads late, never early: the early readings are right.
  const wallClock = () => {
    const ahead = [];
    return (own) => {
      ahead.push(performance.timeOrigin + performance.now() - own);
      if (ahead.length > readings) ahead.shift();
      return own + ahead.toSorted((a, b) => a - b)[Math.floor(ahead.length / 10)];
    };
  };
  const see = async (frames) => {
    const wall = wallClock();
    const corner = new Uint8Array(16 * 16 * 4);
    let bright = true;
    for await (const frame of frames) {
      const at = wall(frame.timestamp / 1000);
      const { rtpTimestamp: rtp } = frame.metadata();
      await frame.copyTo(corner, { rect: { x: 0, y: 0, width: 16, height: 16 } });
      frame.close();
      // Of I420 the luma of the second pixel, of BGRA the green of the first.
      const light = corner[1];
      if (light > 150 && !bright) flashes.push({ at, rtp });
      bright = light > (bright ? 90 : 150);
    }
  };
  const hear = async (sounds) => {
    const wall = wallClock();
    let heard = 0;
    let quiet = 0;
    for await (const sound of sounds) {
      const { numberOfFrames, sampleRate } = sound;
      const samples = new Float32Array(numberOfFrames);
      sound.copyTo(samples, { planeIndex: 0, format: 'f32-planar' });
      sound.close();
      const began = wall((heard / sampleRate) * 1000);
      samples.forEach((sample, index) => {
        quiet++;
        if (Math.abs(sample) < 0.05) return;
        if (quiet > sampleRate / 4) beeps.push(began + (index / sampleRate) * 1000);
        quiet = 0;
      });
      heard += numberOfFrames;
    }
  };
  onmessage = ({ data }) => {
    if (data) void Promise.all([see(data.frames), hear(data.sounds)]);
    else postMessage({ flashes, beeps });
  };
}

/**
 * Begins to time what two tracks carry. `find` is the source of a function of the page for `{picture, sound, screen}`.
 *
 * Tracks are tapped where the browser hands out decoded frames. Sound is timed to the sample as it goes to the
 * loudspeaker's buffer, which is not counted. A picture that is shown (on the video element `screen`) is timed by when
 * it was to be shown: single pictures wait for the next step of the display, up to 17 ms, and for the next tick of the
 * decoder; the average of that wait counts.
 */
export async function watch(page, name, find) {
  await page.evaluate(
    async (key, source, code) => {
      // eslint-disable-next-line no-eval
      const { picture, sound, screen } = await eval(source)();
      const worker = new Worker(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })));
      const [frames, sounds] = [picture, sound].map((track) => new MediaStreamTrackProcessor({ track }).readable);
      worker.postMessage({ frames, sounds }, [frames, sounds]);
      const shown = [];
      const note = (_, { rtpTimestamp: rtp, mediaTime, expectedDisplayTime }) => {
        shown.push({ rtp, media: mediaTime * 1000, at: performance.timeOrigin + expectedDisplayTime });
        screen.requestVideoFrameCallback(note);
      };
      screen?.requestVideoFrameCallback(note);
      window[key] = { worker, shown: screen && shown };
    },
    name, `(${find})`, `(${senses})(${READINGS})`,
  );
}

/** What was seen and heard so far: wall-clock times in ms. */
export async function look(page, name) {
  const { flashes, beeps, shown } = await page.evaluate(
    (key) =>
      new Promise((resolve) => {
        const { worker, shown: pictures } = window[key];
        worker.onmessage = ({ data }) => resolve({ ...data, shown: pictures });
        worker.postMessage(null);
      }),
    name,
  );
  if (!shown) return { flashes: flashes.map(({ at }) => at), beeps };
  const waits = shown.map(({ at, media }) => at - media).toSorted((a, b) => a - b);
  const wait = waits[Math.floor(waits.length / 2)];
  const ticks = (one, other) => (one - other) | 0; // timestamps wrap
  return {
    flashes: flashes.flatMap(({ rtp }) => {
      // Of a picture that was skipped, its neighbour tells the time.
      const [nearest] = shown.toSorted((a, b) => Math.abs(ticks(a.rtp, rtp)) - Math.abs(ticks(b.rtp, rtp)));
      const apart = nearest && ticks(rtp, nearest.rtp) / 90;
      return nearest && Math.abs(apart) < 100 ? [nearest.media + apart + wait] : [];
    }),
    beeps,
  };
}

/** Flash minus beep of every event that was both seen and heard. */
export function pairs({ flashes, beeps }, within) {
  return beeps.flatMap((at) => {
    const flash = flashes.reduce((best, one) => (Math.abs(one - at) < Math.abs(best - at) ? one : best), Infinity);
    return Math.abs(flash - at) < within ? [{ at, offset: flash - at }] : [];
  });
}

/** How far sound and picture moved against each other on the way: each event as seen there and as seen at its source. */
export function moved(near, far, within) {
  return far.flatMap(({ at, offset }) => {
    const source = near.findLast((one) => one.at <= at && at - one.at < within);
    return source ? [{ at, error: offset - source.offset, source: source.offset }] : [];
  });
}
