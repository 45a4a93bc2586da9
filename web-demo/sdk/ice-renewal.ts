/** A relay takes no credentials that ran out, and a restart in the third hour must still find one that works. */
import type { MediaLink } from './media-link';
import { iceData, read } from './wire';

/** `ask` for fresh credentials, waiting for as many milliseconds at most; `ttl`: seconds that those in use are good for, 0 = for ever. */
export function renewIceServers(link: MediaLink, ttl: number, ask: (timeoutMs: number) => Promise<unknown>): void {
  if (ttl <= 0) return;
  const timer = setTimeout(() => {
    off();
    ask(ttl * 250).then(
      (answer) => {
        const fresh = read(iceData, answer, 'rtc:ice');
        if (fresh) link.setIceServers(fresh.iceServers as RTCIceServer[]);
        if (link.state !== 'closed') renewIceServers(link, fresh?.iceServersTtl ?? ttl, ask);
      },
      () => {
        if (link.state !== 'closed') renewIceServers(link, ttl / 4, ask);
      },
    );
  }, ttl * 500);
  const off = link.events.on('state', (state) => {
    if (state === 'closed') clearTimeout(timer);
  });
}
