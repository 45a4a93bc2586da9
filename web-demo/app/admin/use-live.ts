import { useEffect, useRef, useState } from 'preact/hooks';
import { poll, tabSight } from './poll';

const EVERY_MS = 5_000;

/** Something of the moment: asked every few seconds while the page can be seen. */
export function useLive<T>(load: () => Promise<T>) {
  const [data, setData] = useState<T | null>(null);
  const [failed, setFailed] = useState(false);
  const again = useRef<() => void>(() => {});

  useEffect(() => {
    let gone = false;
    const polling = poll(
      async () => {
        // What was seen last is shown on when a question fails; it is said that it is not of this moment.
        const found = await load().catch(() => null);
        if (gone) return;
        if (found !== null) setData(() => found);
        setFailed(found === null);
      },
      EVERY_MS,
      tabSight,
    );
    again.current = polling.again;
    return () => {
      gone = true;
      polling.stop();
    };
  }, []);

  return { data, failed, again: () => again.current() };
}
