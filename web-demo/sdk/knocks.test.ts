import { beforeEach, describe, expect, it } from 'vitest';
import { ConveneError } from './errors';
import { Knocks } from './knocks';
import type { Session } from './session';
import { fakeSession, type Payload } from './session.fake';
import type { Ready } from './wire';

let asked: { op: string; d: Payload }[];
let answer: (op: string, d: Payload) => unknown;
let session: Session;
let knocks: Knocks;
let heard: string[];

const knock = (userId: string, channelId = 'c') => ({ guest: { userId, name: userId.toUpperCase() }, channelId, at: '2026-11-23T00:00:00.000Z' });
const over = (userId: string, outcome: string, channelId = 'c') => ({ channelId, userId, outcome, by: null });
const ready = (more: Partial<Ready> = {}) => ({ user: { id: 'ana' }, channels: [{ id: 'c' }, { id: 'd' }], lobby: '', ...more }) as Ready;
const waiting = () => knocks.waiting.map((one) => one.guest.userId);

beforeEach(() => {
  answer = () => ({ invites: [], waiting: [] });
  ({ session, asked } = fakeSession((op, d) => answer(op, d)));
  knocks = new Knocks(session);
  heard = [];
  knocks.events.on('knock', ({ guest }) => heard.push(`knock ${guest.name}`));
  knocks.events.on('over', ({ name, outcome }) => heard.push(`${outcome} ${name}`));
  knocks.events.on('unanswered', ({ outcome }) => heard.push(`mine ${outcome}`));
  knocks.events.on('admitted', () => heard.push('mine admitted'));
  knocks.onReady(ready());
});

describe('who may let guests in', () => {
  it('sees them in the order in which they came, each once, until somebody decided', () => {
    for (const one of ['maya', 'gil', 'maya']) knocks.onEvent('invite:knock', knock(one));
    expect(waiting()).toEqual(['maya', 'gil']);
    knocks.onEvent('invite:knock_over', over('maya', 'refused'));
    knocks.onEvent('invite:knock_over', over('maya', 'refused'));
    expect(waiting()).toEqual(['gil']);
    expect(heard).toEqual(['knock MAYA', 'knock GIL', 'refused MAYA']);
  });

  it('asks who waits already, and what happens meanwhile is newer than the answer', async () => {
    answer = () => {
      knocks.onEvent('invite:knock', knock('late'));
      knocks.onEvent('invite:knock_over', over('gone', 'left'));
      return { invites: [], waiting: [knock('gone'), knock('first'), knock('late')] };
    };
    await knocks.look('c');
    expect(waiting()).toEqual(['first', 'late']);
  });

  it('is right again after a session that began anew, elsewhere too', async () => {
    knocks.onEvent('invite:knock', knock('maya'));
    knocks.onEvent('invite:knock', knock('gil', 'd'));
    // Both were decided by others while nobody listened here; one more came.
    answer = (_, d) => ({ invites: [], waiting: d['channelId'] === 'c' ? [knock('new')] : [] });
    knocks.onReady(ready());
    await expect.poll(waiting).toEqual(['new']);
    expect(asked.map(({ op, d }) => `${op} ${d['channelId']}`).sort()).toEqual(['invite:list c', 'invite:list d']);
    // A channel I am not in any more has no door for me.
    knocks.onReady(ready({ channels: [] }));
    expect(waiting()).toEqual([]);
  });

  it('does not ask again where it may not look, and again after a failure that passes', async () => {
    answer = () => {
      throw new ConveneError('perm.denied', '');
    };
    await knocks.look('c');
    answer = () => {
      throw new ConveneError('client.timeout', '');
    };
    await knocks.look('d');
    asked.length = 0;
    knocks.onReady(ready());
    await expect.poll(() => asked.map(({ d }) => d['channelId'])).toEqual(['d']);
  });

  it('looks at a bounded number of doors by itself', async () => {
    const channels = Array.from({ length: 60 }, (_, i) => ({ id: `c${i}` }));
    for (const { id } of channels) await knocks.look(id);
    asked.length = 0;
    knocks.onReady(ready({ channels } as Partial<Ready>));
    await expect.poll(() => asked.length).toBe(20);
    expect(asked.at(-1)?.d['channelId']).toBe('c59');
  });

  it('says yes and no; who was decided by somebody else is gone', async () => {
    knocks.onEvent('invite:knock', knock('maya'));
    const [maya] = knocks.waiting;
    if (!maya) throw new Error('nobody waits');
    await knocks.decide(maya, true);
    await knocks.decide(maya, false);
    expect(asked).toEqual([
      { op: 'invite:admit', d: { channelId: 'c', userId: 'maya' } },
      { op: 'invite:refuse', d: { channelId: 'c', userId: 'maya' } },
    ]);
    expect(waiting()).toEqual(['maya']);
    answer = () => {
      throw new ConveneError('conflict.state', '');
    };
    await expect(knocks.decide(maya, true)).rejects.toThrow();
    expect(waiting()).toEqual([]);
  });
});

describe('a guest', () => {
  it('knows that it is outside, and hears how that ends', () => {
    knocks.onReady(ready({ lobby: 'waiting', channels: [] }));
    expect(knocks.outside).toBe(true);
    knocks.onEvent('invite:admitted', { channelId: 'c' });
    expect(knocks.outside).toBe(false);
    knocks.onEvent('invite:knock_over', over('ana', 'unanswered'));
    expect(heard).toEqual(['mine admitted', 'mine unanswered']);
  });
});

it('leaves what is not about doors to others, and what has no shape alone', () => {
  expect(knocks.onEvent('message:new', {})).toBe(false);
  expect(knocks.onEvent('invite:knock', { guest: 7 })).toBe(true);
  expect(waiting()).toEqual([]);
});
