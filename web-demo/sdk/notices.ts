/** What is for me in particular, as the server tells it: it knows my wishes, mutes and blocks. */
import { Emitter } from './emitter';
import { badge as badgeSchema, notice as noticeSchema, read, type Badge, type Notice } from './wire';

export interface NoticeEvents {
  /** A mention, a direct message, a reply in a thread I follow, or a call I missed. */
  notice: Notice;
  badge: Badge;
}

export class Notices {
  readonly events = new Emitter<NoticeEvents>();
  #badge: Badge = { unreadTotal: 0, mentions: 0 };

  /** Nothing until the server tells the first one. */
  get badge(): Badge {
    return this.#badge;
  }

  reset(): void {
    this.#set({ unreadTotal: 0, mentions: 0 });
  }

  onEvent(ev: string, d: unknown): boolean {
    if (ev === 'notification:new') {
      const notice = read(noticeSchema, d, ev);
      if (notice) this.events.emit('notice', notice);
      return true;
    }
    if (ev === 'notification:badge') {
      const badge = read(badgeSchema, d, ev);
      if (badge) this.#set(badge);
      return true;
    }
    return false;
  }

  #set(badge: Badge): void {
    this.#badge = badge;
    this.events.emit('badge', badge);
  }
}
