/** Calls that ring here, and the calls that run in the channels I can see. */
import { Emitter } from './emitter';
import type { Session } from './session';
import { callRecord, incomingCall, liveCall, participant, read, readList, type CallRecord, type LiveCall, type Ready } from './wire';

export interface Ring {
  callId: string;
  channelId: string;
  type: string;
  fromId: string;
  fromName: string;
  expiresAt: number;
}

/** Used when the server names no end; the protocol's ring time. */
const RING_MS = 45_000;

export class Rings {
  readonly events = new Emitter<{ change: void; missed: { callId: string; channelId: string; fromId: string } }>();
  readonly #session: Session;
  #rings = new Map<string, { ring: Ring; timer: ReturnType<typeof setTimeout> }>();
  #active = new Map<string, LiveCall>();
  #me = '';

  constructor(session: Session) {
    this.#session = session;
  }

  get ringing(): readonly Ring[] {
    return [...this.#rings.values()].map((r) => r.ring);
  }
  get active(): readonly LiveCall[] {
    return [...this.#active.values()];
  }
  inChannel(channelId: string): LiveCall | undefined {
    return this.active.find((c) => c.channelId === channelId);
  }

  onReady(ready: Ready): void {
    this.#me = ready.user.id;
    this.#active = new Map(ready.activeCalls.map((c) => [c.callId, c]));
    for (const id of [...this.#rings.keys()]) if (!this.#active.has(id)) this.#remove(id);
    for (const c of ready.activeCalls) {
      if (!c.ringing.includes(this.#me)) continue;
      this.#ring({
        callId: c.callId,
        channelId: c.channelId,
        type: c.type,
        fromId: c.initiatorId,
        fromName: c.initiatorName,
        expiresAt: this.#expiry(c.expiresAt),
      });
    }
    this.events.emit('change', undefined);
  }

  onEvent(ev: string, d: unknown, joinedHere: (callId: string) => boolean): void {
    const row = d as { callId?: string; channelId?: string; userId?: string; from?: { id?: string } };
    const callId = row.callId ?? '';
    switch (ev) {
      case 'call:incoming': {
        const incoming = read(incomingCall, d, ev);
        if (!incoming || joinedHere(incoming.callId)) return;
        const expiresAt = this.#expiry(incoming.expiresAt);
        // A device that wakes late drops what has run out, and does not claim that it rings.
        if (expiresAt <= Date.now()) return;
        this.#ring({
          callId: incoming.callId,
          channelId: incoming.channelId,
          type: incoming.type,
          fromId: incoming.initiator.id,
          fromName: incoming.initiator.name,
          expiresAt,
        });
        this.events.emit('change', undefined);
        return;
      }
      case 'call:started': {
        const call = read(liveCall, (d as { call?: unknown }).call, ev);
        if (call) this.#active.set(call.callId, call);
        this.events.emit('change', undefined);
        return;
      }
      case 'call:accepted':
      case 'call:declined':
        // Answered or refused on another device of mine: silence here, at once.
        if (row.userId === this.#me) this.#remove(callId);
        this.events.emit('change', undefined);
        return;
      case 'call:missed': {
        this.#remove(callId);
        this.events.emit('missed', { callId, channelId: row.channelId ?? '', fromId: row.from?.id ?? '' });
        this.events.emit('change', undefined);
        return;
      }
      case 'call:cancelled':
        this.#remove(callId);
        this.events.emit('change', undefined);
        return;
      case 'call:ended':
        this.#remove(callId);
        this.#active.delete(callId);
        this.events.emit('change', undefined);
        return;
      case 'call:locked': {
        const call = this.#active.get(callId);
        if (call) this.#active.set(callId, { ...call, locked: (d as { locked?: boolean }).locked === true });
        this.events.emit('change', undefined);
        return;
      }
      case 'call:participant_joined':
      case 'voice:user_joined':
      case 'call:participant_left':
      case 'voice:user_left': {
        this.#people(ev.endsWith('joined'), d);
        return;
      }
    }
  }

  /** This device answered, refused, or the prompt was closed. */
  dismiss(callId: string): void {
    this.#remove(callId);
    this.events.emit('change', undefined);
  }

  async decline(callId: string, reason: 'declined' | 'busy' = 'declined'): Promise<void> {
    this.dismiss(callId);
    await this.#session.request('call:decline', { callId, reason });
  }

  async history(cursor?: string, filter: 'all' | 'missed' = 'all'): Promise<{ calls: CallRecord[]; next: string | null }> {
    const d = await this.#session.request('call:history', { limit: 30, filter, ...(cursor ? { cursor } : {}) }, { wait: true });
    return { calls: readList(callRecord, d, 'calls'), next: (d as { next?: string | null }).next ?? null };
  }

  reset(): void {
    for (const id of [...this.#rings.keys()]) this.#remove(id);
    this.#active.clear();
    this.events.emit('change', undefined);
  }

  #people(joined: boolean, d: unknown): void {
    const raw = d as { callId?: string; channelId?: string; participantId?: string; participant?: unknown };
    if (!raw.callId || !raw.channelId) return;
    const call = this.#active.get(raw.callId) ?? read(liveCall, { callId: raw.callId, channelId: raw.channelId }, 'call');
    if (!call) return;
    if (!joined) {
      const participants = call.participants.filter((p) => p.participantId !== raw.participantId);
      if (this.#active.has(call.callId)) this.#active.set(call.callId, { ...call, participants });
    } else {
      const person = read(participant, raw.participant, 'participant');
      if (!person) return;
      const others = call.participants.filter((p) => p.participantId !== person.participantId);
      this.#active.set(call.callId, { ...call, participants: [...others, person] });
    }
    this.events.emit('change', undefined);
  }

  #ring(ring: Ring): void {
    this.#remove(ring.callId);
    const left = ring.expiresAt - Date.now();
    // No ghost rings.
    if (left <= 0) return;
    // Tells the caller that a device of ours is really ringing, also where one comes only after the call did.
    void this.#session.request('call:ringing', { callId: ring.callId }).catch(() => {});
    const timer = setTimeout(() => this.dismiss(ring.callId), left);
    this.#rings.set(ring.callId, { ring, timer });
  }

  #remove(callId: string): void {
    const entry = this.#rings.get(callId);
    if (!entry) return;
    clearTimeout(entry.timer);
    this.#rings.delete(callId);
  }

  #expiry(text: string): number {
    const at = Date.parse(text);
    const offset = this.#session.now() - Date.now();
    return Number.isFinite(at) ? at - offset : Date.now() + RING_MS;
  }
}
