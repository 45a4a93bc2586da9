/** Something that is asked again and again, as long as somebody can see the answer. */

export interface Sight {
  hidden: () => boolean;
  /** Gives the way to hear of it no more. */
  onChange: (changed: () => void) => () => void;
}

/** The tab, as its browser shows it. */
export const tabSight: Sight = {
  hidden: () => document.hidden,
  onChange: (changed) => {
    document.addEventListener('visibilitychange', changed);
    return () => document.removeEventListener('visibilitychange', changed);
  },
};

/** One question at a time, the next one `everyMs` after the answer; at once when the page is seen again. */
export function poll(ask: () => Promise<void>, everyMs: number, sight: Sight): { again: () => void; stop: () => void } {
  let stopped = false;
  let asking = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const once = async () => {
    clearTimeout(timer);
    if (stopped || asking) return;
    asking = true;
    await ask();
    asking = false;
    if (!stopped && !sight.hidden()) timer = setTimeout(() => void once(), everyMs);
  };
  const deaf = sight.onChange(() => (sight.hidden() ? clearTimeout(timer) : void once()));
  void once();
  return {
    again: () => void once(),
    stop: () => {
      stopped = true;
      clearTimeout(timer);
      deaf();
    },
  };
}
