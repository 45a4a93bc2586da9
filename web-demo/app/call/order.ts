/**
 * Who sits where on the stage. Pure: people, voices and time in, an order out.
 *
 * Faces are found by the memory of their place, so nobody moves because somebody speaks. Only a speaker who is not on
 * this page changes places, with the one nobody will miss, and only while nobody points at the stage.
 */
export interface Member {
  /** Of the tile. */
  key: string;
  participantId: string;
  userId: string;
  kind: 'screen' | 'person' | 'self';
  hand: boolean;
}

interface Seat {
  key: string;
  userId: string;
  /** Since when it is empty; `null` while somebody sits there. */
  leftAt: number | null;
}

/** Shorter than this it may have been a question; the chip at the edge says who asked. */
export const SWAP_AFTER_MS = 1_500;
/** Who was heard within this time is part of the conversation. */
export const HEARD_MS = 20_000;
/** Long enough to see who left, and to take the same place after a reconnect. */
export const HOLE_MS = 800;

export class Order {
  #members = new Map<string, Member>();
  #seats: Seat[] = [];
  /** The seats of the grid while the speaker view, which changes them, is shown. */
  #gridSeats: Seat[] | null = null;
  #pinned: string | null = null;
  #mains: readonly string[] = [];
  #visible: ReadonlySet<string> = new Set();
  #held = false;
  #speaker: { participantId: string; since: number } | null = null;
  #speaking = new Set<string>();
  #heardAt = new Map<string, number>();

  /** Everybody with a tile, as they joined. */
  update(now: number, members: readonly Member[]): void {
    this.#members = new Map(members.map((one) => [one.key, one]));
    this.#seats = seated(now, this.#seats, members);
    if (this.#gridSeats) this.#gridSeats = seated(now, this.#gridSeats, members);
    const here = new Set(members.map((one) => one.participantId));
    for (const id of [...this.#heardAt.keys()]) if (!here.has(id)) this.#heardAt.delete(id);
    for (const id of [...this.#speaking]) if (!here.has(id)) this.#speaking.delete(id);
  }

  pin(key: string | null): void {
    this.#pinned = key;
  }

  /**
   * The large tiles, none in the grid. Who was large takes the place of who is, so that the strip stands still;
   * the grid finds its seats again as it left them.
   */
  lead(mains: readonly string[]): void {
    if (mains.length === 0) {
      if (this.#gridSeats) this.#seats = this.#gridSeats;
      this.#gridSeats = null;
    } else this.#gridSeats ??= [...this.#seats];
    const [before, after] = [this.#mains[0], mains[0]];
    if (before !== undefined && after !== undefined && before !== after) this.#exchange(before, after);
    this.#mains = mains;
  }

  /** What has a place on this page. */
  show(visible: ReadonlySet<string>): void {
    this.#visible = visible;
  }

  /** The pointer or the focus is on the stage: nobody changes places under it. */
  hold(held: boolean): void {
    this.#held = held;
  }

  speaks(now: number, participantId: string, speaking: boolean): void {
    if (speaking) this.#speaking.add(participantId);
    else this.#speaking.delete(participantId);
    this.#heardAt.set(participantId, now);
  }

  /** Who has the floor. */
  dominant(now: number, participantId: string | null): void {
    if (this.#speaker?.participantId === participantId) return;
    this.#speaker = participantId === null ? null : { participantId, since: now };
  }

  /** Does what is due; whether anything moved. */
  poll(now: number): boolean {
    // Who sits down in an empty seat may be the speaker: what is seen then is known only after it is drawn.
    return this.#fill(now) || this.#swap(now);
  }

  nextTimeout(): number | null {
    const times = this.#seats.flatMap((seat) => (seat.leftAt === null ? [] : [seat.leftAt + HOLE_MS]));
    const { seat, since } = this.#waiting();
    if (seat) {
      const free = this.#seats.filter((one) => this.#mayGo(one)).map((one) => this.#heardOf(one) + HEARD_MS);
      if (free.length > 0) times.push(Math.max(since + SWAP_AFTER_MS, Math.min(...free)));
    }
    return times.length > 0 ? Math.min(...times) : null;
  }

  /** Keys of tiles, those of empty seats among them. */
  get list(): string[] {
    const people = this.#seats.map((seat) => seat.key);
    // Two are large: the last in the strip sits down where the second one was, so that the others keep their places.
    const second = this.#mains[1] ?? '';
    const at = people.indexOf(second);
    const last = people.findLastIndex((key) => !this.#mains.includes(key));
    if (at >= 0 && last > at) people.splice(at, 1, ...people.splice(last, 1, second));
    const of = (kind: Member['kind']) => [...this.#members.values()].filter((one) => one.kind === kind).map((one) => one.key);
    const all = [...of('screen'), ...people, ...of('self')];
    const pinned = this.#pinned;
    return pinned !== null && this.#members.has(pinned) ? [pinned, ...all.filter((key) => key !== pinned)] : all;
  }

  #fill(now: number): boolean {
    const before = this.#seats.length;
    this.#seats = filled(now, this.#seats);
    if (this.#gridSeats) this.#gridSeats = filled(now, this.#gridSeats);
    return this.#seats.length !== before;
  }

  #swap(now: number): boolean {
    const { seat, since } = this.#waiting();
    if (!seat || now - since < SWAP_AFTER_MS) return false;
    const silent = this.#seats.filter((one) => this.#mayGo(one) && now - this.#heardOf(one) >= HEARD_MS);
    // Of those who never spoke it is who came last.
    const least = silent.reduceRight<Seat | null>((best, one) => (best && this.#heardOf(best) <= this.#heardOf(one) ? best : one), null);
    if (!least) return false;
    this.#exchange(seat.key, least.key);
    this.#visible = new Set([...this.#visible, seat.key].filter((key) => key !== least.key));
    return true;
  }

  /** The seat of a speaker who is not seen. */
  #waiting(): { seat: Seat | undefined; since: number } {
    const speaker = this.#speaker;
    if (!speaker || this.#held || !this.#speaking.has(speaker.participantId)) return { seat: undefined, since: 0 };
    const seat = this.#seats.find((one) => this.#members.get(one.key)?.participantId === speaker.participantId);
    return { seat: seat && !this.#visible.has(seat.key) ? seat : undefined, since: speaker.since };
  }

  #mayGo(seat: Seat): boolean {
    const member = this.#members.get(seat.key);
    if (!member || !this.#visible.has(seat.key) || member.hand || this.#speaking.has(member.participantId)) return false;
    return seat.key !== this.#pinned && !this.#mains.includes(seat.key);
  }

  #heardOf(seat: Seat): number {
    return this.#heardAt.get(this.#members.get(seat.key)?.participantId ?? '') ?? -Infinity;
  }

  #exchange(a: string, b: string): void {
    const [i, j] = [a, b].map((key) => this.#seats.findIndex((seat) => seat.key === key));
    const [one, other] = [this.#seats[i ?? -1], this.#seats[j ?? -1]];
    if (i === undefined || j === undefined || !one || !other) return;
    this.#seats = [...this.#seats];
    this.#seats[i] = other;
    this.#seats[j] = one;
  }
}

function seated(now: number, seats: readonly Seat[], members: readonly Member[]): Seat[] {
  const people = members.filter((one) => one.kind === 'person');
  const here = new Set(people.map((one) => one.key));
  const next = seats.map((seat) => (here.has(seat.key) ? { ...seat, leftAt: null } : { ...seat, leftAt: seat.leftAt ?? now }));
  const known = new Set(seats.map((seat) => seat.key));
  for (const { key, userId } of people) {
    if (known.has(key)) continue;
    // Back with a new connection: the place is still theirs.
    const old = next.findIndex((seat) => seat.leftAt !== null && seat.userId === userId);
    if (old >= 0) next[old] = { key, userId, leftAt: null };
    else next.push({ key, userId, leftAt: null });
  }
  return next;
}

/** Into each seat that was empty for long enough comes the last one. */
function filled(now: number, seats: Seat[]): Seat[] {
  const due = (seat: Seat) => seat.leftAt !== null && now - seat.leftAt >= HOLE_MS;
  if (!seats.some(due)) return seats;
  const next = [...seats];
  for (let i = 0; i < next.length; i++) {
    const seat = next[i];
    if (!seat || !due(seat)) continue;
    let last = next.pop();
    while (last && due(last) && next.length > i) last = next.pop();
    if (last && !due(last) && next.length > i) next[i] = last;
  }
  return next;
}
