// A camera that flashes and a microphone that beeps at the same moment, and an eye and an ear that time them.
// Everything here but `pairs` runs in the page.

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

/**
 * Times what a picture and a sound show, in ms of the page's clock, into `window[name]`: {flashes, beeps}. What a
 * starved machine could not time is left out.
 */
export async function watch(page, name, find) {
  await page.evaluate(
    async (key, source) => {
      const seen = { flashes: [], beeps: [], frames: 0, origin: performance.timeOrigin };
      window[key] = seen;
      // eslint-disable-next-line no-eval
      const { video, audio } = await eval(source)();
      const small = new OffscreenCanvas(4, 4);
      const pen = small.getContext('2d', { willReadFrequently: true });
      let bright = false;
      let shown = 0;
      const look = (now, frame) => {
        pen.drawImage(video, 0, 0, 4, 4);
        const [red] = pen.getImageData(1, 1, 1, 1).data;
        // A frame that comes late, or after others were left out, says nothing about the stream.
        if (red > 150 && !bright && frame.presentationTime - shown < 60 && now - frame.presentationTime < 60) seen.flashes.push(frame.presentationTime);
        shown = frame.presentationTime;
        bright = red > 150 || (bright && red > 90);
        seen.frames++;
        video.requestVideoFrameCallback(look);
      };
      video.requestVideoFrameCallback(look);

      const context = new AudioContext({ latencyHint: 'interactive' });
      await context.resume();
      // On the audio thread: the page may be late, the samples are not.
      const code = `registerProcessor('ear', class extends AudioWorkletProcessor {
        constructor() { super(); this.quiet = 0; this.block = 0; }
        process([input]) {
          const samples = input[0] ?? [];
          let at = -1;
          for (let i = 0; i < samples.length && at < 0; i++) if (Math.abs(samples[i]) > 0.05) at = i;
          if (at >= 0 && this.quiet > sampleRate / 4) this.port.postMessage({ beep: currentTime + at / sampleRate });
          this.quiet = at >= 0 ? 0 : this.quiet + samples.length;
          if (this.block++ % 8 === 0) this.port.postMessage({ now: currentTime });
          return true;
        }
      });`;
      await context.audioWorklet.addModule(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })));
      const ear = new AudioWorkletNode(context, 'ear');
      // How far the page's clock is ahead of the audio clock: messages come late, never early. An audio thread that
      // was starved falls behind for good, so only the last second counts, and only if both halves of it agree.
      const ahead = [];
      ear.port.onmessage = ({ data }) => {
        if (data.now !== undefined) {
          ahead.push(performance.now() - data.now * 1000);
          if (ahead.length > 48) ahead.shift();
          return;
        }
        const [before, lately] = [Math.min(...ahead.slice(0, 24)), Math.min(...ahead.slice(24))];
        if (Math.abs(before - lately) < 8) seen.beeps.push(data.beep * 1000 + Math.min(before, lately));
      };
      new MediaStreamAudioSourceNode(context, { mediaStream: new MediaStream([audio]) }).connect(ear).connect(context.destination);
    },
    name, `(${find})`,
  );
}

/** Flash minus beep of every event that was both seen and heard, by the wall clock: all pages share it. */
export function pairs({ flashes, beeps, origin }, within) {
  const found = [];
  for (const at of beeps) {
    const flash = flashes.reduce((best, one) => (Math.abs(one - at) < Math.abs(best - at) ? one : best), Infinity);
    if (Math.abs(flash - at) < within) found.push({ at: at + origin, offset: flash - at });
  }
  return found;
}

/** How far sound and picture moved against each other on the way: each event as seen there and as seen at its source. */
export function moved(near, far, within) {
  return far.flatMap(({ at, offset }) => {
    const source = near.findLast((one) => one.at <= at && at - one.at < within);
    return source ? [{ at, error: offset - source.offset, source: source.offset }] : [];
  });
}
