import { describe, expect, it } from 'vitest';
import { comings } from './comings';

const one = (name: string) => ({ participantId: `p-${name}`, userId: name, name });

describe('who comes and goes', () => {
  it('is told of others only, and not of those who were there', () => {
    const [ana, bo, cy] = [one('ana'), one('bo'), one('cy')];
    expect(comings(null, [ana, bo], 'ana')).toEqual([]);
    expect(comings([bo], [ana, bo, cy], 'ana')).toEqual([{ userId: 'cy', name: 'cy', came: true }]);
    expect(comings([ana, bo, cy], [ana, cy], 'ana')).toEqual([{ userId: 'bo', name: 'bo', came: false }]);
    expect(comings([ana, bo], null, 'ana')).toEqual([]);
  });
});
