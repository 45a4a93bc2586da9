import { Signal } from 'lucide';
import type { Measured } from '../../sdk/index';
import { gradeOf } from '../call/quality';
import { t } from './texts';
import { Icon } from '../ui/icon';
import { percent } from './numbers';

/** How good a connection is: a word and a picture, the numbers behind it, and what is wrong. */
export function QualityTag({ quality }: { quality: Measured | null }) {
  if (!quality) return <span class="meta">{t.admin.notMeasured}</span>;
  const grade = gradeOf(quality.score);
  const issues = quality.issues.flatMap((code) => t.history.issues[code] ?? []).join(', ');
  return (
    <span class="quality" data-testid="quality" data-score={quality.score}>
      <span class={`quality-grade quality-${grade}`}>
        <Icon node={Signal} size={16} />
        {t.admin.grades[grade]} <bdi class="meta">{quality.score}</bdi>
      </span>
      <span class="meta">{t.admin.path(percent(quality.loss), Math.round(quality.jitter), quality.rtt === null ? null : Math.round(quality.rtt))}</span>
      {issues && <span class="meta">{issues}</span>}
    </span>
  );
}
