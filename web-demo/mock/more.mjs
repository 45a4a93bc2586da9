/** The rest of what the page asks of the stand-in: search, scheduled messages, settings, moderation. Kept in memory, without rights. */

import { oversightOps } from './oversight.mjs';

const iso = (at = Date.now()) => new Date(at).toISOString();
const MEMBERS_OF_GENERAL = 500;
/** Longer timers run out at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export function moreOps({ users, userOf, channels, messages, emit, view, addMessage, channelFor, fail, newId }) {
  const scheduled = new Map();
  const timers = new Map();
  const blocks = new Map();
  const reports = new Map();
  const bans = new Map();
  const filters = new Map();
  const log = [];

  const audit = (s, action, target, detail = {}) =>
    log.unshift({ n: log.length + 1, at: iso(), actor: s.user.id, action, target, ip: '127.0.0.1', detail, prevHash: '', hash: '' });
  const anyMessage = (messageId) => {
    for (const list of messages.values()) {
      const m = list.find((one) => one.id === messageId);
      if (m) return m;
    }
    throw fail('not_found.message');
  };
  const visible = (me) => channels.filter((c) => c.members.includes(me) && !c.archivedAt);
  const rolesOf = (c) => (c.roles ??= new Map());
  const timeoutsOf = (c) => (c.timeouts ??= new Map());
  const member = (c, userId) => {
    const { username, name } = userOf(userId);
    return { userId, username, name, role: rolesOf(c).get(userId) ?? 'member', readSeq: c.read.get(userId) ?? 0, rev: c.rev, leftAt: null, timeoutUntil: timeoutsOf(c).get(userId) ?? null };
  };
  const toMembers = (c, ev, d) => emit(c.members, ev, { channelId: c.id, rev: ++c.rev, ...d });
  const updated = (c) => {
    c.rev++;
    // What is the same for all of them.
    const { members: _, role: _role, readSeq: _seq, unread: _unread, mentions: _mentions, peer: _peer, call: _call, ...shared } = view(c, c.members[0]);
    emit(c.members, 'channel:updated', { channel: shared, rev: c.rev });
  };
  const leave = (c, userId, by) => {
    emit(c.members, 'channel:member_left', { channelId: c.id, userId, by, rev: ++c.rev, leftAt: iso() });
    c.members = c.members.filter((one) => one !== userId);
  };

  const tell = (one) => emit([one.author], 'schedule:changed', { channelId: one.channelId, scheduled: one });
  const wait = (one) => {
    clearTimeout(timers.get(one.id));
    const send = () => {
      const c = channels.find((x) => x.id === one.channelId);
      const m = addMessage(c, one.author, one.content, Date.now(), { nonce: one.id, threadId: one.threadId });
      emit(c.members, 'message:new', { channelId: c.id, message: m });
      change(one, { state: 'sent', content: '', messageId: m.id });
    };
    const timer = setTimeout(send, Math.min(LONGEST_TIMER_MS, Date.parse(one.sendAt) - Date.now()));
    timer.unref?.();
    timers.set(one.id, timer);
  };
  const change = (one, what) => {
    Object.assign(one, what, { rev: one.rev + 1, updatedAt: iso() });
    if (one.state !== 'pending') clearTimeout(timers.get(one.id));
    tell(one);
    return { scheduled: one };
  };
  const mine = (s, d) => {
    const one = scheduled.get(d.scheduleId);
    if (!one || one.author !== s.user.id) throw fail('not_found.message');
    if (!['pending', 'failed'].includes(one.state)) throw fail('conflict.state');
    return one;
  };

  /** Every word has to occur; `from:`, `in:` and quotes as well as a stand-in needs them. */
  const find = (s, d) => {
    const words = [];
    const only = { from: '', in: '' };
    for (const part of d.q.toLowerCase().match(/(?:\w+:)?"[^"]*"|\S+/g) ?? []) {
      const [, key, value] = /^(from|in):(.+)$/.exec(part) ?? [];
      if (key) only[key] = value;
      else words.push(part.replaceAll('"', ''));
    }
    if (words.length === 0 && !only.from && !only.in) throw fail('validation.failed');
    const found = [];
    for (const c of visible(s.user.id)) {
      if ((d.channelId && c.id !== d.channelId) || (only.in && ![c.slug, c.id].includes(only.in))) continue;
      for (const m of messages.get(c.id)) {
        const text = m.content.toLowerCase();
        if (m.deletedAt || (only.from && userOf(m.authorId).username !== only.from) || !words.every((w) => text.includes(w))) continue;
        found.push({ message: m, highlights: words.map((w) => [text.indexOf(w), w.length]).sort((a, b) => a[0] - b[0]) });
      }
    }
    return found.sort((a, b) => b.message.createdAt.localeCompare(a.message.createdAt));
  };

  return {
    'search:messages': (s, d) => {
      const [all, from, size] = [find(s, d), Number(d.cursor ?? 0), d.limit ?? 20];
      return { hits: all.slice(from, from + size), next: all.length > from + size ? String(from + size) : null };
    },
    'search:suggest': (s, d) => {
      const [, sign, name] = /^([#@]?)(.*)$/.exec(d.q.trim().toLowerCase());
      const begins = (text) => text.toLowerCase().split(/\s+/).some((word) => word.startsWith(name));
      return {
        channels: sign === '@' || !name ? [] : visible(s.user.id).filter((c) => c.kind !== 'dm' && begins(c.name)).map((c) => view(c, s.user.id)),
        users: sign === '#' || !name ? [] : users.filter((u) => begins(u.name) || begins(u.username)),
      };
    },

    schedule: (s, d) => {
      const c = channelFor(d, s.user.id);
      const at = Date.parse(d.sendAt);
      if (!(at > Date.now())) throw fail('validation.failed');
      const known = [...scheduled.values()].find((one) => one.author === s.user.id && one.nonce === d.nonce);
      if (known) return { scheduled: known, duplicate: true };
      const one = {
        id: newId() + Date.now(), author: s.user.id, nonce: d.nonce, channelId: c.id, threadId: d.threadId ?? null, replyTo: null, content: d.content, mentions: [],
        sendAt: iso(at), state: 'pending', error: null, messageId: null, rev: 1, createdAt: iso(), updatedAt: iso(),
      };
      scheduled.set(one.id, one);
      wait(one);
      tell(one);
      return { scheduled: one, duplicate: false };
    },
    'schedule:list': (s, d) => ({
      scheduled: [...scheduled.values()]
        .filter((one) => one.author === s.user.id && ['pending', 'failed'].includes(one.state) && (!d.channelId || d.channelId === one.channelId))
        .sort((a, b) => a.sendAt.localeCompare(b.sendAt)),
    }),
    'schedule:update': (s, d) => {
      const one = mine(s, d);
      const { content = one.content, sendAt = one.sendAt } = d;
      const answer = change(one, { content, sendAt, state: 'pending', error: null });
      wait(one);
      return answer;
    },
    'schedule:cancel': (s, d) => change(mine(s, d), { state: 'cancelled', content: '' }),

    'message:get': (s, d) => ({ message: anyMessage(d.messageId) }),
    'message:get_read_receipts': (s, d) => {
      const m = anyMessage(d.messageId);
      const c = channels.find((x) => x.id === m.channelId);
      const readers = c.members.filter((userId) => userId !== m.authorId && (c.read.get(userId) ?? 0) >= m.seq).map((userId) => ({ userId, at: iso() }));
      return { readers, count: readers.length };
    },
    'message:react': (s, d) => {
      const m = anyMessage(d.messageId);
      const c = channels.find((x) => x.id === m.channelId);
      const of = (m.reactors ??= new Map());
      const who = new Set(of.get(d.emoji));
      if (d.action === 'add') who.add(s.user.id);
      else who.delete(s.user.id);
      of.set(d.emoji, who);
      m.rev = ++c.rev;
      m.reactions = [...of].filter(([, all]) => all.size > 0).map(([emoji, all]) => ({ emoji, count: all.size, users: [...all].slice(0, 5) }));
      emit(c.members, 'message:reaction', { channelId: c.id, messageId: m.id, emoji: d.emoji, userId: s.user.id, action: d.action, count: who.size, rev: m.rev });
      return { count: who.size, rev: m.rev };
    },
    ...Object.fromEntries(
      [true, false].map((isPinned) => [
        isPinned ? 'message:pin' : 'message:unpin',
        (s, d) => {
          const m = anyMessage(d.messageId);
          const c = channels.find((x) => x.id === m.channelId);
          Object.assign(m, { pinnedAt: isPinned ? iso() : null, pinnedBy: isPinned ? s.user.id : null, rev: ++c.rev });
          emit(c.members, 'message:pinned', { channelId: c.id, messageId: m.id, isPinned, by: s.user.id, pinnedAt: m.pinnedAt, rev: m.rev });
          return { message: m };
        },
      ]),
    ),
    'channel:get_pins': (s, d) => ({ messages: messages.get(channelFor(d, s.user.id).id).filter((m) => m.pinnedAt).reverse() }),
    'session:list': (s) => ({ sessions: [{ id: 'here', device: 'desktop', client: 'convene-web', ip: '127.0.0.1', createdAt: iso(), lastUsedAt: iso(), expiresAt: iso(), current: s !== null }] }),

    'channel:get': (s, d) => {
      const c = channelFor(d, s.user.id);
      return { channel: view(c, s.user.id), members: c.members.slice(0, MEMBERS_OF_GENERAL).map((userId) => member(c, userId)) };
    },
    'channel:list': (s, d) => ({
      channels: channels.filter((c) => c.members.includes(s.user.id) && Boolean(c.archivedAt) === Boolean(d.archived)).map((c) => view(c, s.user.id)),
      next: null,
    }),
    'channel:update': (s, d) => {
      const c = channelFor(d, s.user.id);
      const { channelId: _, baseRev: _rev, ...settings } = d;
      Object.assign(c, settings);
      updated(c);
      return { channel: view(c, s.user.id) };
    },
    'channel:archive': (s, d) => {
      const c = channelFor(d, s.user.id);
      c.archivedAt = d.archived ? iso() : null;
      updated(c);
      return { channel: view(c, s.user.id) };
    },
    'channel:member_add': (s, d) => {
      const c = channelFor(d, s.user.id);
      if (!c.members.includes(d.userId)) {
        c.members.push(d.userId);
        emit([d.userId], 'channel:created', { channel: view(c, d.userId) });
        toMembers(c, 'channel:member_joined', { member: member(c, d.userId) });
      }
      return { member: member(c, d.userId) };
    },
    'channel:member_remove': (s, d) => {
      const c = channelFor(d, s.user.id);
      leave(c, d.userId, s.user.id);
      return { member: member(c, d.userId) };
    },
    'channel:member_role': (s, d) => {
      const c = channelFor(d, s.user.id);
      rolesOf(c).set(d.userId, d.role);
      toMembers(c, 'channel:member_updated', { member: member(c, d.userId) });
      return { member: member(c, d.userId) };
    },
    'channel:set_notify': (s, d) => {
      const told = { channelId: channelFor(d, s.user.id).id, pref: d.pref, mutedUntil: d.mutedUntil ?? null };
      emit([s.user.id], 'channel:notify_set', told);
      return told;
    },
    'moderation:kick_user': (s, d) => {
      const c = channelFor(d, s.user.id);
      emit([d.userId], 'moderation:kicked', { channelId: c.id, reason: d.reason ?? '' });
      leave(c, d.userId, s.user.id);
      audit(s, 'member.kick', d.userId, { channelId: c.id, reason: d.reason ?? '' });
      return { member: member(c, d.userId) };
    },
    'moderation:timeout_user': (s, d) => {
      const c = channelFor(d, s.user.id);
      timeoutsOf(c).set(d.userId, d.until);
      toMembers(c, 'channel:member_updated', { member: member(c, d.userId) });
      audit(s, 'member.timeout', d.userId, { channelId: c.id, until: d.until && Date.parse(d.until) });
      return { member: member(c, d.userId) };
    },

    'user:block': (s, d) => {
      blocks.set(s.user.id, new Set(blocks.get(s.user.id)).add(d.userId));
      emit([s.user.id], 'user:blocked', { userId: d.userId });
      return {};
    },
    'user:unblock': (s, d) => {
      blocks.get(s.user.id)?.delete(d.userId);
      emit([s.user.id], 'user:unblocked', { userId: d.userId });
      return {};
    },
    'user:blocks': (s) => ({ users: [...(blocks.get(s.user.id) ?? [])].map(userOf), next: null }),

    'message:report': (s, d) => {
      const m = anyMessage(d.messageId);
      const known = [...reports.values()].find((one) => one.messageId === m.id && one.reporterId === s.user.id);
      if (known) return { reportId: known.id };
      const report = {
        id: newId() + Date.now(), messageId: m.id, channelId: m.channelId, authorId: m.authorId, content: m.content, kind: 'user', reporterId: s.user.id, reason: d.reason,
        note: d.note ?? '', state: 'open', resolvedBy: null, resolvedAt: null, resolutionNote: '', createdAt: iso(),
      };
      reports.set(report.id, report);
      emit(users.filter((u) => u.role === 'admin').map((u) => u.id), 'moderation:report', { report });
      return { reportId: report.id };
    },
    'moderation:reports': (s, d) => ({ reports: [...reports.values()].filter((one) => !d.state || one.state === d.state).reverse(), next: null }),
    'moderation:resolve': (s, d) => {
      const report = reports.get(d.reportId);
      if (!report) throw fail('not_found.message');
      if (report.state !== 'open') throw fail('conflict.state');
      Object.assign(report, { state: d.resolution, resolvedBy: s.user.id, resolvedAt: iso(), resolutionNote: d.note ?? '' });
      audit(s, 'report.resolve', report.id, { resolution: d.resolution });
      return { report };
    },
    'moderation:ban_user': (s, d) => {
      const { username, name } = userOf(d.userId);
      bans.set(d.userId, { userId: d.userId, username, name, by: s.user.id, reason: d.reason ?? '', at: iso(), until: d.until ?? null });
      emit([d.userId], 'moderation:banned', { reason: d.reason ?? '', until: d.until ?? null });
      emit([d.userId], 'session:invalid', { code: 'auth.banned' });
      audit(s, 'user.ban', d.userId, { reason: d.reason ?? '' });
      return { userId: d.userId, until: d.until ?? null };
    },
    'moderation:unban_user': (s, d) => {
      if (!bans.delete(d.userId)) throw fail('conflict.state');
      audit(s, 'user.unban', d.userId);
      return {};
    },
    'moderation:bans': () => ({ bans: [...bans.values()], next: null }),
    'moderation:filters': () => ({ filters: [...filters.values()].sort((a, b) => a.word.localeCompare(b.word)) }),
    'moderation:filter_add': (s, d) => {
      const filter = { id: filters.get(d.word)?.id ?? newId() + Date.now(), word: d.word, action: d.action, by: s.user.id, createdAt: iso() };
      filters.set(d.word, filter);
      audit(s, 'filter.add', filter.id, { word: d.word, action: d.action });
      return { filter };
    },
    'moderation:filter_remove': (s, d) => {
      const filter = [...filters.values()].find((one) => one.id === d.filterId);
      if (!filter) throw fail('not_found.filter');
      filters.delete(filter.word);
      audit(s, 'filter.remove', filter.id, { word: filter.word });
      return {};
    },
    'moderation:sessions': () => ({ sessions: [] }),
    'moderation:revoke_sessions': () => ({}),
    ...oversightOps({ users, fail, audit }),
    'moderation:audit': (s, d) => ({ entries: log, next: null, ...(d.verify ? { chain: { whole: true, intact: log.length } } : {}) }),
  };
}
