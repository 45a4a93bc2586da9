import { describe, expect, it } from 'vitest';
import { hosted } from './hosting';

describe('what a call says of hands, reactions and hosts', () => {
  it('is read, and anything else is left alone', () => {
    expect(hosted('call:hands', { callId: 'c', hands: ['a', 'b'], by: null })).toEqual({ ev: 'hands', d: { hands: ['a', 'b'], by: '' } });
    expect(hosted('call:locked', { callId: 'c', locked: true, by: 'a' })).toEqual({ ev: 'locked', d: { locked: true, by: 'a' } });
    expect(hosted('call:unmute_asked', { by: { id: 'a', username: 'ana', name: 'Ana' } })).toEqual({ ev: 'unmuteAsked', d: { userId: 'a', name: 'Ana' } });
    expect(hosted('call:reactions', { reactions: [{ userId: 'a', emoji: '👏', count: 2 }], more: 3 })).toEqual({
      ev: 'reactions',
      d: { reactions: [{ userId: 'a', emoji: '👏', count: 2 }], more: 3 },
    });
    expect(hosted('call:ended', { reason: 'last_left' })).toBe(null);
  });
  it('loses a broken row, not the others', () => {
    const told = hosted('call:reactions', { reactions: [{ emoji: '👏' }, { userId: 'a', emoji: '🎉' }] });
    expect(told).toEqual({ ev: 'reactions', d: { reactions: [{ userId: 'a', emoji: '🎉', count: 1 }], more: 0 } });
    expect(hosted('call:unmute_asked', { by: null })).toBe(null);
  });
});
