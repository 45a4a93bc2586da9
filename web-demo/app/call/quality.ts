/** What a score means to a person. */
export type Grade = 'good' | 'fair' | 'poor';

/** Mean opinion scores of 3.5 and 3: from there on people notice, and complain. */
export function gradeOf(score: number): Grade {
  if (score >= 62) return 'good';
  return score >= 50 ? 'fair' : 'poor';
}
