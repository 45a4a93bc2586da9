/** What somebody sees whose account was banned: why, and until when. */
import { useEffect, useRef } from 'preact/hooks';
import { Ban } from 'lucide';
import { interrupt } from './a11y/announcer';
import { fullDate } from './format';
import { banned } from './store';
import { t } from './strings';
import { Button } from './ui/button';
import { Icon } from './ui/icon';

export function BannedPage() {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${t.banned.title} · ${t.app}`;
    interrupt('removed', t.banned.title);
    heading.current?.focus();
  }, []);
  const why = banned.value;
  if (!why) return null;
  return (
    <main class="signin" data-testid="banned">
      <div class="signin-card">
        <Icon node={Ban} size={40} class="text-danger" />
        <h1 ref={heading} tabIndex={-1}>
          {t.banned.title}
        </h1>
        {why.reason && <p dir="auto">{t.banned.reason(why.reason)}</p>}
        {why.until !== null && <p>{why.until ? t.banned.until(fullDate(why.until)) : t.banned.forGood}</p>}
        <p class="meta">{t.banned.appeal}</p>
        <Button onClick={() => (banned.value = null)}>{t.banned.back}</Button>
      </div>
    </main>
  );
}
