import { expect, it } from 'vitest';
import { gradeOf } from './quality';

it('grades a call as people would', () => {
  expect([85, 62, 61, 50, 49, 0].map(gradeOf)).toEqual(['good', 'good', 'fair', 'fair', 'poor', 'poor']);
});
