/** The way up to the first new message, for as long as it is above what was shown. */
import type { RefObject } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';

interface Place {
  scroller: RefObject<HTMLDivElement | null>;
  keys: readonly string[];
  /** The row below the line; empty while it is not loaded, or nothing is new. */
  lineKey: string;
  /** The line is among earlier messages, which are not loaded. */
  earlier: boolean;
  /** The first row that is an element. */
  first: number;
  /** Makes the window one that has the line in it. */
  load: () => Promise<void>;
  show: (key: string) => boolean;
}

export function useNewLine({ scroller, keys, lineKey, earlier, first, load, show }: Place) {
  const [above, setAbove] = useState(false);
  const seen = useRef(false);
  const wanted = useRef(false);

  useLayoutEffect(() => {
    if (wanted.current && lineKey && show(lineKey)) wanted.current = false;
  });

  /** `scrolled`: somebody could see what is there, so that a line in the window was seen. */
  const look = (scrolled: boolean) => {
    const element = scroller.current;
    if (!element || seen.current) return;
    const line = element.querySelector('.row-box:not(.row-away) .divider-new');
    const up = line ? line.getBoundingClientRect().bottom < element.getBoundingClientRect().top : lineKey ? keys.indexOf(lineKey) < first : earlier;
    if (line && !up && scrolled) seen.current = true;
    setAbove(up);
  };
  const go = () => {
    seen.current = true;
    setAbove(false);
    if (lineKey && show(lineKey)) return;
    wanted.current = true;
    load().catch(() => {
      wanted.current = seen.current = false;
      setAbove(true);
    });
  };
  return { above, look, go };
}
