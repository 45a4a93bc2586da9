import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Message } from '../../sdk/index';
import { linkify, toRows } from './group';

const at = (minutes: number) => new Date(Date.parse('2026-05-12T10:00:00') + minutes * 60_000).toISOString();
const message = (seq: number, authorId: string, minutes: number): Message => ({
  id: `m${seq}`, channelId: 'c', threadId: '', thread: null, seq, rev: seq, type: 'text', authorId, authorName: authorId, nonce: '', content: `text ${seq}`,
  createdAt: at(minutes), editedAt: '', callId: '', call: null, system: null, deleted: false, reactions: [], pinnedAt: '', pinnedBy: '',
});

describe('toRows', () => {
  it('heads a run of one author once, and again after a pause', () => {
    const rows = toRows([message(1, 'a', 0), message(2, 'a', 1), message(3, 'b', 2), message(4, 'b', 30)], null, 'me');
    expect(rows.flatMap((r) => (r.type === 'message' ? [r.head] : []))).toEqual([true, false, true, true]);
  });
  it('divides days', () => {
    const rows = toRows([message(1, 'a', 0), message(2, 'a', 24 * 60)], null, 'me');
    expect(rows.map((r) => r.type)).toEqual(['day', 'message', 'day', 'message']);
  });
  it('draws one line above the first unread message of somebody else', () => {
    const rows = toRows([message(1, 'a', 0), message(2, 'me', 1), message(3, 'a', 2), message(4, 'a', 3)], 1, 'me');
    expect(rows.map((r) => r.type)).toEqual(['day', 'message', 'message', 'new', 'message', 'message']);
  });
  it('draws no line when everything was read', () => {
    expect(toRows([message(1, 'a', 0)], null, 'me').some((r) => r.type === 'new')).toBe(false);
  });
});

describe('linkify', () => {
  it('finds addresses and leaves the punctuation after them', () => {
    expect(linkify('see https://example.org/a?b=1, and (http://x.test).')).toEqual([
      { type: 'text', text: 'see ' },
      { type: 'link', text: 'https://example.org/a?b=1', href: 'https://example.org/a?b=1' },
      { type: 'text', text: ', and (' },
      { type: 'link', text: 'http://x.test', href: 'http://x.test/' },
      { type: 'text', text: ').' },
    ]);
  });
  it('never links another scheme', () => {
    for (const bad of ['javascript:alert(1)', 'data:text/html,x', 'vbscript:x', 'file:///etc/passwd']) {
      expect(linkify(bad)).toEqual([{ type: 'text', text: bad }]);
    }
  });
  it('loses no character and only makes web links', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string(), fc.constantFrom('javascript:', 'https://', '<b>', 'http://a.test/x#y', 'https://b.test:1/?q=(z).', 'HTTPS://C.test'))), (bits) => {
        const text = bits.join(' ');
        const parts = linkify(text);
        expect(parts.map((p) => p.text).join('')).toBe(text);
        for (const p of parts) if (p.type === 'link') expect(p.href).toMatch(/^https?:/);
      }),
    );
  });
});
