import { useEffect, useRef, useState } from 'preact/hooks';
import type { Page } from '../../sdk/index';

/** Rows that come page by page; another `key` starts over. */
export function usePages<T>(key: string, load: (cursor?: string) => Promise<Page<T>>) {
  const [rows, setRows] = useState<T[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const [failed, setFailed] = useState(false);
  // Only the answer to the newest question is shown.
  const question = useRef(0);
  const read = async (cursor?: string) => {
    const number = ++question.current;
    try {
      const page = await load(cursor);
      if (number !== question.current) return;
      setRows((old) => [...(cursor ? (old ?? []) : []), ...page.rows]);
      setNext(page.next);
      setFailed(false);
    } catch {
      if (number === question.current) setFailed(true);
    }
  };
  useEffect(() => {
    void read();
    return () => void question.current++;
  }, [key]);
  return { rows, failed, again: () => void read(), more: next ? () => void read(next) : null };
}
