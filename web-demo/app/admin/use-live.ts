import { useEffect, useRef, useState } from 'preact/hooks';

const EVERY_MS = 5_000;

/** Something that is asked again every few seconds, as long as the page can be seen. */
export function useLive<T>(load: () => Promise<T>) {
  const [data, setData] = useState<T | null>(null);
  const [failed, setFailed] = useState(false);
  const read = useRef<() => void>(() => {});

  useEffect(() => {
    let gone = false;
    let asking = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const once = async () => {
      clearTimeout(timer);
      if (gone || asking) return;
      asking = true;
      const now = await load().then(
        (found) => ({ found }),
        () => null,
      );
      asking = false;
      if (gone) return;
      // What was seen last is shown on; it is said that it is not of this moment.
      if (now) setData(now.found);
      setFailed(now === null);
      if (!document.hidden) timer = setTimeout(() => void once(), EVERY_MS);
    };
    const shown = () => (document.hidden ? clearTimeout(timer) : void once());
    document.addEventListener('visibilitychange', shown);
    read.current = () => void once();
    void once();
    return () => {
      gone = true;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', shown);
    };
  }, []);

  return { data, failed, again: () => read.current() };
}
