/** How tracks are encoded: codec, layers as several streams (simulcast) or inside one (SVC). */
import type { Source } from './wire';

export const CODECS = ['vp8', 'vp9', 'av1', 'h264'] as const;
export type VideoCodec = (typeof CODECS)[number];

export interface PublishOptions {
  codec?: VideoCodec;
  /** One stream with these layers inside, for example `L3T3_KEY`, instead of three streams. */
  scalabilityMode?: string;
}

interface Encoding extends RTCRtpEncodingParameters {
  scalabilityMode?: string;
}

const CAMERA_ENCODINGS: Encoding[] = [
  { rid: 'q', scaleResolutionDownBy: 4, maxBitrate: 150_000 },
  { rid: 'h', scaleResolutionDownBy: 2, maxBitrate: 500_000 },
  { rid: 'f', scaleResolutionDownBy: 1, maxBitrate: 1_700_000 },
];
const SCREEN_ENCODINGS: Encoding[] = [{ maxBitrate: 3_000_000, maxFramerate: 30 }];
const SVC_BITRATE = 1_700_000;

export function encodingsFor(source: Source, { codec, scalabilityMode }: PublishOptions): Encoding[] {
  switch (source) {
    case 'camera':
      if (scalabilityMode) return [{ maxBitrate: SVC_BITRATE, scalabilityMode }];
      if (codec === 'h264') return CAMERA_ENCODINGS.map((e) => ({ ...e }));
      // Temporal layers let the server leave out pictures. And without a mode, Chromium takes three encodings of VP9
      // for three layers of one stream.
      return CAMERA_ENCODINGS.map((e) => ({ ...e, scalabilityMode: 'L1T1' }));
    case 'screen':
      return SCREEN_ENCODINGS.map((e) => ({ ...e }));
    case 'screen_audio':
      return [{ maxBitrate: 96_000 }];
    case 'mic':
      return [{ maxBitrate: 40_000 }];
  }
}

/** Of the layers that somebody watches, those up to `most`; that one alone where only larger ones are watched. */
export function atMost(layers: number[], most: number | undefined): number[] {
  if (most === undefined || layers.every((layer) => layer <= most)) return layers;
  const small = layers.filter((layer) => layer <= most);
  return small.length > 0 ? small : [most];
}

/** Changes the encodings to those layers that somebody watches; `false` if that changes nothing. */
export function withLayers(encodings: Encoding[], layers: number[], { scalabilityMode }: PublishOptions): boolean {
  if (encodings.length > 1) {
    let changed = false;
    encodings.forEach((encoding, layer) => {
      const active = layers.includes(layer);
      changed ||= (encoding.active ?? true) !== active;
      encoding.active = active;
    });
    return changed;
  }
  const [only] = encodings;
  const mode = /^L(\d)T(\d)(_KEY)?$/.exec(scalabilityMode ?? '');
  const all = Number(mode?.[1] ?? 1);
  if (!only || all < 2) return false;
  const count = Math.min(all, Math.max(1, ...layers.map((layer) => layer + 1)));
  const next = `L${count}T${mode?.[2] ?? 1}${count > 1 ? (mode?.[3] ?? '') : ''}`;
  if (next === only.scalabilityMode) return false;
  only.scalabilityMode = next;
  // The layers that stay keep their sizes.
  only.scaleResolutionDownBy = 2 ** (all - count);
  only.maxBitrate = SVC_BITRATE / 3 ** (all - count);
  return true;
}

/** Puts codecs first, best first; `false` if the browser has none of them or they were first before. */
export function preferCodecs(transceiver: RTCRtpTransceiver, names: string[]): boolean {
  const codecs = RTCRtpReceiver.getCapabilities?.('video')?.codecs;
  if (!codecs || !('setCodecPreferences' in transceiver)) return false;
  const nameOf = (codec: RTCRtpCodec) => codec.mimeType.split('/')[1]?.toLowerCase() ?? '';
  const wanted = names.map((name) => name.toLowerCase()).filter((name) => codecs.some((codec) => nameOf(codec) === name));
  const [first] = wanted;
  const used = transceiver.sender.getParameters().codecs?.[0];
  if (!first || (used && wanted.includes(nameOf(used)))) return false;
  const rank = (codec: RTCRtpCodec) => (nameOf(codec) === first ? 0 : 1);
  try {
    transceiver.setCodecPreferences([...codecs].sort((a, b) => rank(a) - rank(b)));
    return true;
  } catch {
    // The browser knows better; its own order starts with VP8 in practice.
    return false;
  }
}

interface ExtensionControl {
  getHeaderExtensionsToNegotiate?: () => { uri: string; direction: string }[];
  setHeaderExtensionsToNegotiate?: (extensions: { uri: string; direction: string }[]) => void;
}
/** Ends of their names. */
const LAYERS = ['dependency-descriptor-rtp-header-extension', ':rtp-stream-id', ':repaired-rtp-stream-id'];

/**
 * How packets say which layer they are of. AV1 does so in a header extension that browsers do not offer by themselves;
 * and once another section of pictures was answered without names of streams, as those are that only receive, Chromium
 * leaves them out of every later one, and then refuses its own offer of simulcast.
 */
export function negotiateLayers(transceiver: RTCRtpTransceiver): void {
  const control = transceiver as ExtensionControl;
  const extensions = control.getHeaderExtensionsToNegotiate?.();
  const missing = extensions?.filter((one) => one.direction === 'stopped' && LAYERS.some((name) => one.uri.endsWith(name)));
  if (!extensions || !missing?.length) return;
  for (const one of missing) one.direction = 'sendrecv';
  try {
    control.setHeaderExtensionsToNegotiate?.(extensions);
  } catch (error) {
    console.warn('convene: extensions for layers are not available', error instanceof Error ? error.message : error);
  }
}
