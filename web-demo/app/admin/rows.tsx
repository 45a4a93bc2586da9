import type { ComponentChildren } from 'preact';
import { t } from './texts';
import { Button } from '../ui/button';
import { Loading } from '../ui/lazy';

interface Props {
  rows: readonly unknown[] | null;
  failed: boolean;
  again: () => void;
  more: (() => void) | null;
  /** What is said where there are none. */
  none: string;
  children: ComponentChildren;
}

/** What surrounds every list: waiting, failing, having nothing, having more. */
export function Rows({ rows, failed, again, more, none, children }: Props) {
  return (
    <>
      {failed && (
        <p class="note" role="alert">
          {t.admin.failed} <Button onClick={again}>{t.retry}</Button>
        </p>
      )}
      {!rows && !failed && <Loading />}
      {rows?.length === 0 && (
        <div class="empty-state">
          <p>{none}</p>
        </div>
      )}
      {children}
      {more && (
        <Button class="admin-more" onClick={more}>
          {t.admin.more}
        </Button>
      )}
    </>
  );
}
