/** What the administration of the stand-in shows of the server: a few live calls and rings, the same at every look. */

const ago = (minutes) => new Date(Date.now() - minutes * 60_000).toISOString();
const measured = (score, loss, jitter, rtt, issues = []) => ({ score, mos: 1 + score / 25, loss, jitter, rtt, issues });

export function oversightOps({ users, fail, audit }) {
  const person = (n, quality, connection = 'connected') => ({
    participantId: `watched-person-${n}`, userId: users[n % users.length].id, name: users[n % users.length].name, connection, joinedAt: ago(20 - n),
    voiceState: { muted: n % 2 === 1, deafened: false, video: n % 2 === 0, screen: false, handRaised: false }, quality,
  });
  const call = (n, channelName, minutes, people, more = {}) => ({
    callId: `watched-${n}`, channelId: `watched-channel-${n}`, channelKind: channelName ? 'group' : 'dm', channelName, type: 'video', mode: 'room',
    state: 'ongoing', startedAt: ago(minutes), people: people.length, ringing: 0, microphones: people.filter((one) => !one.voiceState.muted).length,
    cameras: people.filter((one) => one.voiceState.video).length, screens: 0, worst: people[0]?.quality ?? null, peopleOf: people, ...more,
  });
  let calls = [
    call(1, 'Quarterly review with the partners in Wellington', 72, [person(0, measured(38, 0.083, 41.5, 312, ['high_loss_down', 'high_rtt'])), person(1, measured(61, 0.021, 12, 188, ['high_jitter'])), person(2, measured(84, 0, 2.1, 31))], { screens: 1, ringing: 1 }),
    call(2, 'design', 24, [person(3, measured(58, 0.034, 22, 96, ['freezes'])), person(4, measured(86, 0, 1.4, 12))]),
    call(3, null, 3, [{ ...person(5, measured(87, 0, 1.1, 18)), userId: null, name: null }, { ...person(6, null, 'connecting'), userId: null, name: null }]),
    call(4, 'general', 191, [person(7, null)]),
  ];
  let rings = [
    { callId: 'watched-1', channelId: 'watched-channel-1', channelKind: 'group', channelName: 'Quarterly review with the partners in Wellington', type: 'video', callerId: users[0].id, callerName: users[0].name, userId: users[1].id, name: users[1].name, shown: true },
    { callId: 'watched-5', channelId: 'watched-channel-5', channelKind: 'dm', channelName: null, type: 'voice', callerId: null, callerName: null, userId: null, name: null, shown: false },
  ];
  const live = (callId) => calls.find((one) => one.callId === callId) ?? (() => { throw fail('not_found.call'); })();
  const row = ({ peopleOf: _, ...rest }) => rest;
  const setting = (name, value, changed = false) => ({ name, value, changed });

  return {
    'admin:overview': () => ({
      version: '0.1.0', startedAt: ago(60 * 31), people: 84, connections: 97, calls: calls.length, ringing: 1, peopleInCalls: 26,
      cpu: 0.31, cores: 8, memory: 412_000_000, receivedBitrate: 48_300_000, sentBitrate: 212_400_000,
    }),
    'admin:calls': () => ({ calls: calls.map(row), count: calls.length }),
    'admin:call': (s, d) => ({ call: row(live(d.callId)), participants: live(d.callId).peopleOf }),
    'admin:end_call': (s, d) => {
      calls = calls.filter((one) => one !== live(d.callId));
      audit(s, 'call.end', d.callId);
      return {};
    },
    'admin:rings': () => ({ rings: rings.map((one, i) => ({ ...one, since: ago(0.2 + i / 5), expiresAt: ago(-0.5 + i / 5) })), count: rings.length }),
    'admin:cancel_ring': (s, d) => {
      rings = rings.filter((one) => one.callId !== d.callId);
      audit(s, 'ring.cancel', d.callId);
      return {};
    },
    'admin:policy': () => ({
      settings: [
        setting('auth.token_ttl', '1h'), setting('auth.session_ttl', '7d', true), setting('auth.allow_unknown_users', false, true),
        setting('auth.login_per_ip', 30), setting('auth.login_per_account', 10), setting('auth.invites_per_ip', 120),
        setting('chat.retention_days', 365, true), setting('chat.deleted_grace', '30d'), setting('chat.edit_window', '0ms'),
        setting('chat.filter_block', 3, true), setting('chat.filter_mask', 0), setting('chat.filter_flag', 0),
        setting('calls.ring_timeout', '45s'), setting('calls.alone_timeout', '5m'), setting('calls.max_duration', '4h'),
        setting('media.max_participants', 200), setting('media.tcp_port', 7881), setting('turn.urls', 2, true),
        setting('chat.rate_profile', 'normal'), setting('chat.rate_scale', 1),
      ],
    }),
  };
}
