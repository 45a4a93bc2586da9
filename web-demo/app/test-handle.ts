/** A read-only window into the client for browser tests. Nothing secret is behind it. */
import { convene } from './client';

declare global {
  interface Window {
    __convene?: unknown;
  }
}

export function exposeTestHandle(): void {
  window.__convene = Object.freeze({
    get session() {
      const { status, sessionId, s } = convene.session;
      return { ...status, sessionId, s };
    },
    /** Cuts the socket the way a network failure would. */
    dropConnection: () => convene.session.dropConnection(),
    get call() {
      const { call } = convene;
      return { ...call.state, invites: Object.fromEntries(call.state.invites), stats: call.lastStats, speakers: call.levels.speakers };
    },
    get local() {
      const { micTrack, cameraTrack, screenTrack, screenAudio, ...rest } = convene.local.state;
      return { ...rest, micLive: micTrack?.enabled === true, micDevice: micTrack?.getSettings().deviceId ?? '', screenOn: screenTrack !== null };
    },
    get connection() {
      return convene.reconnect.view;
    },
    onConnection: (heard: () => void) => convene.reconnect.events.on('change', heard),
    get pc() {
      return convene.call.link?.pc ?? null;
    },
    midOf: (trackId: string) => convene.call.link?.midOf(trackId) ?? null,
    /** The element that shows a track; sound has none on the stage. */
    videoOf: (trackId: string) => document.querySelector<HTMLVideoElement>(`video[data-track-id="${CSS.escape(trackId)}"]`),
    get videos() {
      return Object.fromEntries(
        [...document.querySelectorAll<HTMLVideoElement>('video[data-track-id]')].map((v) => [v.dataset['trackId'] ?? '', v]),
      );
    },
    /** Leaves out pictures where the codec allows it; `null` = all. */
    limitFps: (trackId: string, maxFps: number | null) => convene.call.subscriptions.limitFps(trackId, maxFps),
    setLayer: (trackId: string, layer: 0 | 1 | 2 | 'off' | null) => convene.call.subscriptions.force(trackId, layer),
  });
}
