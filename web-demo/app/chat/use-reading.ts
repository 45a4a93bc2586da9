import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { look, type Reading } from './reading';

interface Facts {
  bottom: number;
  readSeq: number;
  read: (upTo: number) => void;
}

/** Tells how far somebody has read while the view is there. */
export function useReading(facts: Facts): void {
  const now = useRef(facts);
  now.current = facts;
  const reading = useRef<Reading | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);

  const check = () => {
    clearTimeout(timer.current);
    const { bottom, readSeq, read } = now.current;
    const at = { visible: document.visibilityState === 'visible', focused: document.hasFocus(), bottom, readSeq };
    const verdict = look(reading.current, at, performance.now());
    reading.current = verdict.reading;
    if (verdict.wakeInMs !== null) timer.current = setTimeout(check, verdict.wakeInMs);
    if (verdict.upTo > 0) read(verdict.upTo);
  };

  useLayoutEffect(check);
  useEffect(() => {
    addEventListener('focus', check);
    addEventListener('blur', check);
    document.addEventListener('visibilitychange', check);
    return () => {
      clearTimeout(timer.current);
      removeEventListener('focus', check);
      removeEventListener('blur', check);
      document.removeEventListener('visibilitychange', check);
    };
  }, []);
}
