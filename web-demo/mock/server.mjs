/**
 * A stand-in for the server, for work on the page alone: signing in, chat, presence, ringing and
 * rooms full of people, in memory and without media. It serves `dist` under the real content policy.
 *
 *   node mock/server.mjs [--port 7890]     accounts ana (an administrator), bo, cy, di; any password but "wrong"
 */
import { createReadStream, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { WebSocketServer } from 'ws';
import { createGuests } from './guests.mjs';
import { moreOps } from './more.mjs';
import { createThreads } from './threads.mjs';

const dist = new URL('../dist/', import.meta.url).pathname;
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; font-src 'self'; " +
  "connect-src 'self' ws: wss:; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; " +
  "require-trusted-types-for 'script'; trusted-types convene";
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };

const BASE = '01J000000000000000000000';
let counter = 0;
const newId = () => `${BASE}${String(counter++).padStart(2, '0')}`.slice(-26);
const iso = (at = Date.now()) => new Date(at).toISOString();

export function createMock() {
  const users = [
    ['ana', 'Ana Oliveira'],
    ['bo', 'Bo Lindqvist'],
    ['cy', 'Cy Okafor'],
    ['di', 'Di Marchetti'],
    ['eli', 'Eli Haddad'],
    ['fay', 'Fay Nakamura'],
    ['gus', 'Gus Petersen'],
    ['hana', 'Hana Kovář'],
    ['ivo', 'Ivo Brandt'],
  ].map(([username, name]) => ({ id: newId(), username, name, kind: 'internal', role: username === 'ana' ? 'admin' : 'member', isActive: true }));
  const byName = (username) => users.find((u) => u.username === username);
  const userOf = (id) => users.find((u) => u.id === id);
  const channels = [];
  const messages = new Map();
  const nonces = new Map();
  const calls = new Map();
  const history = [];
  const sessions = new Set();
  const statuses = new Map(users.map((u, i) => [u.id, ['online', 'online', 'away', 'dnd', 'offline'][i % 5]]));

  const addChannel = (kind, slug, name, members, description = '') => {
    const c = { id: newId(), slug, kind, name, description, topic: '', members, lastSeq: 0, rev: 0, read: new Map(), lastMessageAt: null };
    channels.push(c);
    messages.set(c.id, []);
    return c;
  };
  const everyone = users.map((u) => u.id);

  const view = (c, me) => {
    const peerId = c.kind === 'dm' ? c.members.find((id) => id !== me) : null;
    const peer = peerId ? userOf(peerId) : null;
    const readSeq = c.read.get(me) ?? 0;
    return {
      id: c.id, slug: c.slug, kind: c.kind, name: peer ? peer.name : c.name, description: c.description, topic: c.topic,
      lastSeq: c.lastSeq, rev: c.rev, lastMessageAt: c.lastMessageAt, memberCount: c.members.length,
      members: c.kind === 'general' ? [] : c.members, readSeq,
      unread: messages.get(c.id).filter((m) => m.seq > readSeq && m.authorId !== me && !m.deletedAt).length,
      mentions: 0, peer, call: liveOf(c.id), role: c.roles?.get(me) ?? 'member', readOnly: c.readOnly ?? false, private: c.private ?? c.kind !== 'general',
      slowMode: c.slowMode ?? 0, retentionDays: c.retentionDays ?? 0, archivedAt: c.archivedAt ?? null,
    };
  };
  const liveOf = (channelId) => [...calls.values()].find((c) => c.channelId === channelId) ?? null;

  const addMessage = (c, authorId, content, at = Date.now(), extra = {}) => {
    const m = {
      id: newId() + String(Math.random()).slice(2, 8), channelId: c.id, threadId: null, seq: ++c.lastSeq, rev: ++c.rev, authorId, authorName: userOf(authorId).name,
      nonce: null, type: 'text', content, mentions: [], callId: null, call: null, editedAt: null, deletedAt: null, createdAt: iso(at), ...extra,
    };
    c.lastMessageAt = m.createdAt;
    messages.get(c.id).push(m);
    if (c.read.get(authorId) !== undefined || true) c.read.set(authorId, m.seq);
    return m;
  };

  const emit = (ids, ev, d, except) => {
    for (const s of sessions) if (ids.includes(s.user.id) && s !== except) s.event(ev, typeof d === 'function' ? d(s) : d);
  };

  const person = (u, participantId, voiceState = {}) => ({
    userId: u.id, name: u.name, participantId, connection: 'connected', joinedAt: iso(),
    voiceState: { muted: false, deafened: false, video: false, screen: false, handRaised: false, ...voiceState },
  });

  const endCall = (call, reason, state = 'completed') => {
    calls.delete(call.callId);
    const c = channels.find((x) => x.id === call.channelId);
    const durationMs = Date.now() - Date.parse(call.startedAt);
    history.unshift({
      id: call.callId, channelId: c.id, type: call.type, mode: 'ring', state, initiatorId: call.initiatorId, initiatorName: userOf(call.initiatorId).name,
      startedAt: call.startedAt, answeredAt: null, endedAt: iso(), endReason: reason, durationMs, peakParticipants: call.seen.length, avgQuality: 71, networkIssues: [],
      participants: call.seen.map((id) => ({ participantId: id, userId: id, name: userOf(id).name, stint: 1, joinedAt: call.startedAt, leftAt: iso() })), invites: [],
    });
    emit(c.members, 'call:ended', { callId: call.callId, channelId: c.id, reason, state, durationMs, summary: {} });
  };

  const seat = (session, call) => {
    const participant = person(session.user, `${call.callId}-${session.user.username}`);
    call.participants = [...call.participants.filter((p) => p.participantId !== participant.participantId), participant];
    call.ringing = call.ringing.filter((id) => id !== session.user.id);
    if (!call.seen.includes(session.user.id)) call.seen.push(session.user.id);
    session.call = call;
    session.participantId = participant.participantId;
    const c = channels.find((x) => x.id === call.channelId);
    emit(c.members, 'call:participant_joined', { callId: call.callId, channelId: c.id, participant }, session);
    return { success: true, callId: call.callId, participantId: participant.participantId, participants: call.participants, iceServers: [], token: null, serverUrl: null, call };
  };

  const unseat = (session) => {
    const { call } = session;
    session.call = null;
    if (!call) return;
    call.participants = call.participants.filter((p) => p.participantId !== session.participantId);
    const c = channels.find((x) => x.id === call.channelId);
    emit(c.members, 'call:participant_left', { callId: call.callId, channelId: c.id, userId: session.user.id, participantId: session.participantId, reason: 'left' });
    if (call.participants.length === 0 && calls.has(call.callId)) endCall(call, 'last_left');
  };

  const inCall = (call, ev, d) => emit(call.participants.map((p) => p.userId), ev, { callId: call.callId, channelId: call.channelId, ...d });

  const fail = (code) => Object.assign(new Error(code), { code });
  const channelFor = (d, me) => {
    const c = channels.find((x) => x.id === d.channelId || x.slug === d.channelId);
    if (!c || !c.members.includes(me)) throw fail('not_found.channel');
    return c;
  };
  const callFor = (d) => calls.get(d.callId) ?? (() => { throw fail('call.ended'); })();
  const messageFor = (d, me) => {
    for (const list of messages.values()) {
      const m = list.find((x) => x.id === d.messageId);
      if (m) {
        const c = channels.find((x) => x.id === m.channelId);
        if (m.authorId !== me && !['owner', 'admin'].includes(c.roles?.get(me))) throw fail('perm.denied');
        return [m, c];
      }
    }
    throw fail('not_found.message');
  };
  const presenceOf = (id) => ({ userId: id, status: statuses.get(id) ?? 'offline', customStatus: '', device: 'desktop', lastSeen: null });

  const threads = createThreads({ messages, userOf, emit, newId, fail });
  const guests = createGuests({ channels, userOf, calls, newId, fail });
  const { schedule, ...more } = moreOps({ users, userOf, channels, messages, emit, view, addMessage, channelFor, fail, newId });
  const ops = {
    ...more,
    ...threads.ops,
    ...guests.ops,
    ping: (s, d) => ({ t: d.t, serverTime: iso() }),
    'channel:join': (s, d) => ({ channel: view(channelFor(d, s.user.id), s.user.id), typing: [], presence: [] }),
    'channel:leave': () => ({}),
    'channel:create': (s, d) => {
      const c = addChannel('group', null, d.name, [...new Set([s.user.id, ...(d.participants ?? [])])]);
      c.roles = new Map([[s.user.id, 'owner']]);
      emit(c.members, 'channel:created', (x) => ({ channel: view(c, x.user.id) }), s);
      return { channel: view(c, s.user.id) };
    },
    'channel:get_history': (s, d) => {
      const all = d.threadId ? threads.of(d.threadId) : messages.get(channelFor(d, s.user.id).id);
      const limit = d.limit ?? 50;
      if (d.around !== undefined) {
        const at = all.findIndex((m) => m.seq === d.around);
        const page = all.slice(Math.max(0, at - limit / 2), at + limit / 2);
        return { messages: page, hasMoreBefore: page[0] !== all[0], hasMoreAfter: page.at(-1) !== all.at(-1) };
      }
      const pool = all.filter((m) => (d.before === undefined || m.seq < d.before) && (d.after === undefined || m.seq > d.after));
      const page = d.after === undefined ? pool.slice(-limit) : pool.slice(0, limit);
      return { messages: page, hasMoreBefore: (page[0]?.seq ?? 1) > 1 && d.after === undefined, hasMoreAfter: (page.at(-1)?.seq ?? 0) < all.length && page.length > 0 };
    },
    'channel:sync': (s, d) => {
      const c = channelFor(d, s.user.id);
      return { messages: messages.get(c.id).filter((m) => m.rev > d.afterRev), members: [], rev: c.rev, lastSeq: c.lastSeq, truncated: false };
    },
    'message:send': (s, d) => {
      if (d.sendAt) return schedule(s, d);
      const c = channelFor(d, s.user.id);
      if (d.content.length > 10_000) throw fail('validation.failed');
      const key = `${s.user.id} ${d.nonce}`;
      if (nonces.has(key)) return { message: nonces.get(key), duplicate: true };
      const m = d.threadId ? threads.say(c, d.threadId, s.user.id, d.content, d.nonce) : addMessage(c, s.user.id, d.content, Date.now(), { nonce: d.nonce });
      nonces.set(key, m);
      if (!d.threadId) emit(c.members, 'message:new', { channelId: c.id, message: m });
      return { message: m, duplicate: false };
    },
    'message:edit': (s, d) => {
      const [m, c] = messageFor(d, s.user.id);
      if (d.baseRev !== undefined && d.baseRev !== m.rev) throw fail('conflict.rev');
      Object.assign(m, { content: d.content, editedAt: iso(), rev: ++c.rev });
      emit(c.members, 'message:edited', { channelId: c.id, message: m });
      return { message: m };
    },
    'message:delete': (s, d) => {
      const [m, c] = messageFor(d, s.user.id);
      Object.assign(m, { content: '', deletedAt: iso(), rev: ++c.rev });
      emit(c.members, 'message:deleted', { channelId: c.id, messageId: m.id, seq: m.seq, rev: m.rev, by: s.user.id });
      return { message: m };
    },
    'message:mark_read': (s, d) => {
      if (d.threadId) return { readSeq: d.seq, unread: 0, mentions: 0 };
      channelFor(d, s.user.id).read.set(s.user.id, d.seq);
      return { readSeq: d.seq, unread: 0, mentions: 0 };
    },
    'typing:start': (s, d) => {
      const c = channelFor(d, s.user.id);
      emit(c.members.filter((id) => id !== s.user.id), 'typing:user_start', { channelId: c.id, userId: s.user.id, username: s.user.username, name: s.user.name });
      return {};
    },
    'typing:stop': (s, d) => {
      emit(channelFor(d, s.user.id).members, 'typing:user_stop', { channelId: d.channelId, userId: s.user.id });
      return {};
    },
    'presence:subscribe': (s, d) => ({ presence: (d.userIds ?? []).map(presenceOf) }),
    'presence:update': (s, d) => {
      statuses.set(s.user.id, d.status);
      emit(everyone, 'presence:changed', [presenceOf(s.user.id)]);
      return { presence: presenceOf(s.user.id) };
    },
    'presence:heartbeat': () => ({}),
    'user:list': () => ({ users, next: null }),
    'dm:open': (s, d) => {
      const known = channels.find((c) => c.kind === 'dm' && c.members.includes(s.user.id) && c.members.includes(d.userId));
      return { channel: view(known ?? addChannel('dm', null, '', [s.user.id, d.userId]), s.user.id) };
    },
    'call:start': (s, d) => {
      const c = channelFor(d, s.user.id);
      const running = liveOf(c.id);
      if (running) return { ...seat(s, running), existing: true };
      const ringing = c.kind === 'general' ? [] : c.members.filter((id) => id !== s.user.id);
      const call = { callId: newId() + Date.now(), channelId: c.id, type: d.type, mode: 'ring', state: 'ringing', initiatorId: s.user.id, initiatorName: s.user.name, startedAt: iso(Date.now() - (api.runsFor ?? 0)), answeredAt: null, expiresAt: iso(Date.now() + 45_000), ringing, participants: [], seen: [] };
      calls.set(call.callId, call);
      const ack = seat(s, call);
      emit(c.members, 'call:started', { callId: call.callId, channelId: c.id, call });
      emit(ringing, 'call:incoming', { callId: call.callId, channelId: c.id, channelKind: c.kind, channelName: c.name, type: d.type, initiator: s.user, expiresAt: call.expiresAt });
      return { ...ack, existing: false };
    },
    'call:ringing': (s, d) => {
      const call = callFor(d);
      emit([call.initiatorId], 'call:ringing', { callId: call.callId, userId: s.user.id });
      return {};
    },
    'call:accept': (s, d) => {
      const call = callFor(d);
      call.state = 'ongoing';
      emit([s.user.id, ...call.participants.map((p) => p.userId)], 'call:accepted', { callId: call.callId, channelId: call.channelId, userId: s.user.id }, s);
      return seat(s, call);
    },
    'call:join': (s, d) => seat(s, callFor(d)),
    'call:decline': (s, d) => {
      const call = callFor(d);
      call.ringing = call.ringing.filter((id) => id !== s.user.id);
      emit([call.initiatorId, s.user.id], 'call:declined', { callId: call.callId, channelId: call.channelId, userId: s.user.id, reason: d.reason ?? 'declined' });
      return {};
    },
    'call:cancel': (s, d) => {
      const call = callFor(d);
      emit(call.ringing, 'call:cancelled', { callId: call.callId, channelId: call.channelId, reason: 'cancelled' });
      s.call = null;
      endCall(call, 'cancelled', 'cancelled');
      return {};
    },
    'call:leave': (s) => (unseat(s), {}),
    'call:hand': (s, d) => {
      const call = callFor(d);
      const who = d.userId ?? s.user.id;
      const others = (call.hands ?? []).filter((id) => id !== who);
      call.hands = d.raised ? [...others, who] : others;
      inCall(call, 'call:hands', { hands: call.hands, by: s.user.id });
      return { hands: call.hands };
    },
    'call:react': (s, d) => (inCall(callFor(d), 'call:reactions', { reactions: [{ userId: s.user.id, emoji: d.emoji, count: 1 }], more: 0 }), {}),
    'call:lock': (s, d) => {
      const call = callFor(d);
      call.locked = d.locked;
      inCall(call, 'call:locked', { locked: d.locked, by: s.user.id });
      return {};
    },
    'call:ask_unmute': (s, d) => (emit([d.userId], 'call:unmute_asked', { callId: d.callId, channelId: callFor(d).channelId, by: s.user }), {}),
    'call:history': () => ({ calls: history, next: null }),
    'voice:update': (s, d) => {
      const call = s.call;
      const p = call?.participants.find((x) => x.participantId === s.participantId);
      if (!p) throw fail('call.not_in_call');
      p.voiceState = { ...p.voiceState, ...d };
      emit(call.participants.map((x) => x.userId), 'voice:state_update', { channelId: call.channelId, callId: call.callId, userId: s.user.id, participantId: p.participantId, voiceState: p.voiceState, connection: 'connected' });
      return { voiceState: p.voiceState };
    },
    'rtc:offer': (s, d) => (api.onOffer?.(s, d), {}),
    'rtc:subscribe': () => ({}),
    'rtc:ice': () => ({ iceServers: [] }),
    // Both ways, for a page whose connections are stand-ins as well.
    'net:test': () => ({ sdp: ['udp', 'tcp'].map((way, i) => `a=candidate:${i} 1 ${way} 1 127.0.0.1 7882 typ host`).join('\r\n') }),
  };

  const onSocket = (socket) => {
    let session = null;
    const send = (frame) => socket.readyState === 1 && socket.send(JSON.stringify(frame));
    socket.on('message', (data) => {
      const { op, id, d = {} } = JSON.parse(String(data));
      if (op === 'session:hello') {
        const name = String(d.token).replace('mock-', '').split('.')[0];
        // Nobody lets a guest in here.
        const waits = name === 'guest';
        const user = waits ? { id: newId(), username: 'guest-0123abcd', name: '', kind: 'guest', role: 'guest', isActive: true } : byName(name);
        if (!user) {
          send({ ev: 'session:invalid', d: { code: 'auth.invalid' } });
          return socket.close(4001);
        }
        let s = 0;
        session = { user, call: null, participantId: '', event: (ev, data2) => send({ ev, s: ++s, d: data2 }) };
        sessions.add(session);
        statuses.set(user.id, 'online');
        const mine = channels.filter((c) => c.members.includes(user.id));
        send({ ev: 'session:ready', d: { sessionId: newId(), resumed: false, user, heartbeat: 25_000, channels: mine.map((c) => view(c, user.id)), presence: users.map((u) => presenceOf(u.id)), activeCalls: waits ? [] : [...calls.values()], ...(waits ? { lobby: 'waiting' } : {}), serverTime: iso() } });
        return;
      }
      if (!session) return socket.close(4001);
      const run = ops[op];
      try {
        if (!run) throw fail('op.unknown');
        const ack = run(session, d);
        if (id !== undefined) send({ re: id, ok: true, d: ack });
      } catch (error) {
        if (id !== undefined) send({ re: id, ok: false, e: { code: error.code ?? 'server.unavailable', message: String(error.message) } });
      }
    });
    socket.on('close', () => {
      if (!session) return;
      unseat(session);
      sessions.delete(session);
    });
  };

  const onRequest = (request, response) => {
    const url = new URL(request.url, 'http://x');
    if (url.pathname === '/api/v1/auth/login' && request.method === 'POST') {
      let body = '';
      request.on('data', (chunk) => (body += chunk));
      request.on('end', () => {
        const { username, password } = JSON.parse(body || '{}');
        const user = byName(username);
        response.setHeader('content-type', 'application/json');
        if (!user || password === 'wrong') {
          response.statusCode = 401;
          return response.end(JSON.stringify({ code: 'auth.invalid', title: 'Unauthorized' }));
        }
        response.end(JSON.stringify({ data: { token: `mock-${username}`, expiresAt: iso(Date.now() + 3_600_000), user } }));
      });
      return;
    }
    if (url.pathname.startsWith('/api/v1/invites/')) {
      let body = '';
      request.on('data', (chunk) => (body += chunk));
      request.on('end', () => {
        response.setHeader('content-type', 'application/json');
        try {
          response.end(JSON.stringify({ data: guests.http(url.pathname, JSON.parse(body || '{}')) }));
        } catch ({ code }) {
          response.statusCode = 404;
          response.end(JSON.stringify({ code, title: 'Not Found' }));
        }
      });
      return;
    }
    const path = normalize(url.pathname).replace(/^(\.\.[/\\])+/, '');
    const file = existsSync(join(dist, path)) && extname(path) ? path : '/index.html';
    response.setHeader('content-type', TYPES[extname(file)] ?? 'application/octet-stream');
    response.setHeader('content-security-policy', CSP);
    createReadStream(join(dist, file)).on('error', () => response.end()).pipe(response);
  };

  seed({ users, everyone, byName, addChannel, addMessage, addReply: threads.add, history, newId });
  /** What somebody else does, who has no page open. */
  const run = (username, op, d) => ops[op]({ user: byName(username), call: null, participantId: '' }, d);
  const api = { users, byName, channels, calls, emit, person, addMessage, messages, sessions, run };
  return { onRequest, onSocket, api };
}

/** Conversations that look like a day at work. */
function seed({ users, everyone, byName, addChannel, addMessage, addReply, history, newId }) {
  const id = (n) => byName(n).id;
  const general = addChannel('general', 'general', 'general', everyone, 'Everything that concerns all of us');
  const design = addChannel('group', 'design', 'design', everyone.slice(0, 6), 'Screens, words and colours');
  const release = addChannel('group', 'release', 'release', everyone.slice(0, 5), 'What ships when');
  for (const c of [general, design, release]) c.roles = new Map([[id('ana'), 'owner']]);
  const dm = addChannel('dm', null, '', [id('ana'), id('bo')]);
  const dm2 = addChannel('dm', null, '', [id('ana'), id('cy')]);
  const yesterday = Date.now() - 26 * 3_600_000;
  for (let i = 0; i < 180; i++) {
    const author = users[(i * 7) % 5].id;
    addMessage(general, author, `Note ${i + 1} of the morning round: ${['all green here', 'looking at the queue depth', 'two reviews open', 'back in ten minutes'][i % 4]}.`, yesterday + i * 240_000);
  }
  const now = Date.now();
  const talk = [
    ['bo', 'Morning! The build from last night is on staging.'],
    ['bo', 'Join time is down to 240 ms on my laptop, so whoever did that: thank you 🎉'],
    ['cy', 'That was Di. I only moved the furniture.'],
    ['di', 'Team effort. Two things left before we tag it:\n1. the retry path when a phone changes from Wi‑Fi to 4G\n2. copy for the “connection lost” banner'],
    ['ana', 'I can take the copy. Draft is here: https://example.org/convene/copy-review'],
    ['cy', 'Read it, love it. Shorter is better.'],
    ['ana', 'Then let us look at it together at 11? I will share my screen.'],
    ['bo', 'Works for me.'],
  ];
  const said = talk.map(([who, text], i) => addMessage(general, id(who), text, now - (talk.length - i) * 190_000));
  [['cy', 'Which laptop is that? Mine needs 310.'], ['bo', 'The old one, on Wi‑Fi.'], ['ana', 'Then it is the network here. I will look at it after lunch.']].forEach(([who, text], i) => addReply(general, said[1], id(who), text, now - (talk.length - 2 - i) * 190_000));
  [['eli', 'New icons are in the file.'], ['ana', 'The filled microphone reads much better at 16 px.'], ['fay', 'Agreed. Shipping them.']].forEach(([w, x], i) => addMessage(design, id(w), x, now - 7_200_000 + i * 60_000));
  addMessage(release, id('di'), 'Candidate 3 is tagged.', now - 3_600_000);
  [['bo', 'Do you have five minutes after the review?'], ['ana', 'Sure, ring me.'], ['bo', 'Will do 👍']].forEach(([w, x], i) => addMessage(dm, id(w), x, now - 900_000 + i * 40_000));
  addMessage(dm2, id('cy'), 'Thanks for the screenshots!', now - 86_400_000 * 2);
  for (const c of [general, design, dm2]) c.read.set(id('ana'), c.lastSeq);
  const call = (over) => ({ id: newId(), mode: 'ring', type: 'voice', state: 'completed', endReason: 'last_left', invites: [], ...over });
  const stint = (n, from, to) => ({ participantId: n + from, userId: id(n), name: byName(n).name, stint: 1, joinedAt: new Date(from).toISOString(), leftAt: new Date(to).toISOString() });
  const at = (h) => now - h * 3_600_000;
  history.push(
    call({ channelId: general.id, type: 'video', initiatorId: id('ana'), startedAt: new Date(at(2)).toISOString(), durationMs: 1_452_000, participants: ['ana', 'bo', 'cy', 'di'].map((n, i) => stint(n, at(2) + i * 60_000, at(2) + 1_452_000)) }),
    call({ channelId: dm.id, state: 'missed', endReason: 'no_answer', initiatorId: id('bo'), startedAt: new Date(at(5)).toISOString(), durationMs: 0, participants: [stint('bo', at(5), at(5) + 45_000)] }),
    call({ channelId: dm2.id, state: 'rejected', endReason: 'declined', initiatorId: id('ana'), startedAt: new Date(at(27)).toISOString(), durationMs: 0, participants: [] }),
    call({ channelId: release.id, initiatorId: id('di'), startedAt: new Date(at(30)).toISOString(), durationMs: 312_000, participants: ['di', 'ana'].map((n) => stint(n, at(30), at(30) + 312_000)) }),
  );
}

export function listen(port) {
  const mock = createMock();
  const server = createServer(mock.onRequest);
  const sockets = new WebSocketServer({ server, path: '/ws' });
  sockets.on('connection', mock.onSocket);
  return new Promise((resolve) => {
    server.listen(port, '127.0.0.1', () => resolve({ ...mock, url: `http://127.0.0.1:${server.address().port}`, close: () => (sockets.close(), server.closeAllConnections(), server.close()) }));
  });
}

if (import.meta.url === `file://${process.argv[1]}`) {
  const at = process.argv.indexOf('--port');
  const { url } = await listen(at > 0 ? Number(process.argv[at + 1]) : 7890);
  console.log(`mock server on ${url}`);
}
