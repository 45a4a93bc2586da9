/** Links for guests of the stand-in, and the guest who waits at the door. */

const ago = (minutes) => new Date(Date.now() - minutes * 60_000).toISOString();
/** A link that leads to `general`, one where somebody lets guests in, and one with which they only listen; anything else is unknown. */
export const LINKS = { open: 'open-link-to-a-channel', asks: 'a-link-where-one-waits', listens: 'a-link-to-listen-along' };

export function createGuests({ channels, userOf, calls, newId, fail }) {
  const made = [];
  const answer = (code) => {
    const at = Object.values(LINKS).indexOf(code);
    if (at < 0) throw fail('not_found.invite');
    const c = channels[0];
    const people = [...calls.values()].find((call) => call.channelId === c.id)?.participants ?? [];
    return { channelId: c.id, channelName: c.name, people: people.map((p) => p.name).slice(0, 3), count: people.length, lobby: at === 1, publish: at !== 2, chat: true, expiresAt: ago(-600) };
  };
  return {
    /** `GET /api/v1/invites/{code}`, and `POST …/guests`. */
    http(path, body) {
      const [, code, enters] = /^\/api\/v1\/invites\/([\w-]+)(\/guests)?$/.exec(path) ?? [];
      if (!code) return null;
      const shown = answer(code);
      if (!enters) return shown;
      const user = { id: newId(), username: 'guest-0123abcd', name: body.name, kind: 'guest', role: 'guest', isActive: true };
      const grants = { guest: true, publish: shown.publish, chat: shown.chat };
      return { token: `mock-guest.${Buffer.from(JSON.stringify({ grants })).toString('base64url')}.`, user, channelId: shown.channelId };
    },
    ops: {
      'invite:list': (s, d) => ({ invites: made.filter((one) => one.channelId === d.channelId), waiting: [] }),
      'invite:create': (s, d) => {
        const invite = {
          id: newId(), channelId: d.channelId, createdBy: userOf(s.user.id).id, createdAt: ago(0), expiresAt: new Date(Date.now() + (d.expiresIn ?? 604_800) * 1000).toISOString(),
          maxUses: d.maxUses ?? 0, uses: 0, lobby: d.lobby ?? false, publish: d.publish ?? true, chat: d.chat ?? true,
        };
        made.unshift(invite);
        return { invite, code: LINKS.open };
      },
      'invite:revoke': (s, d) => (made.splice(made.findIndex((one) => one.id === d.inviteId), 1), {}),
      'invite:admit': () => ({}),
      'invite:refuse': () => ({}),
    },
  };
}
