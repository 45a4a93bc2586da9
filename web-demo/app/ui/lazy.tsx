/** Code that is loaded when its view is first shown. A failed load can be tried again. */
import type { ComponentType } from 'preact';
import { useLayoutEffect, useState } from 'preact/hooks';
import { t } from '../strings';

type Lazy<P> = ComponentType<P> & {
  /** Loads it before it is shown; a failure is left to the moment when it is. */
  preload: () => void;
};

const waiting: (() => void)[] = [];

/** What is small and opened by a click: there before the click, and when the connection is gone. Called once the page is up. */
export function preloadWaiting(): void {
  const all = waiting.splice(0);
  if (all.length === 0) return;
  const go = () => all.forEach((preload) => preload());
  // Not in every browser.
  if (typeof requestIdleCallback === 'function') requestIdleCallback(go, { timeout: 5_000 });
  else setTimeout(go, 2_000);
}

/** A dialog: nothing is shown while it comes, and it comes before it is asked for. */
export function lazyDialog<P extends object>(load: () => Promise<ComponentType<P>>): Lazy<P> {
  const dialog = lazy(load, true);
  waiting.push(dialog.preload);
  return dialog;
}

export function lazy<P extends object>(load: () => Promise<ComponentType<P>>, quiet = false): Lazy<P> {
  let loaded: ComponentType<P> | null = null;
  const preload = () => void load().then((view) => (loaded = view), () => {});
  return Object.assign(Lazy, { preload });

  function Lazy(props: P) {
    const [View, setView] = useState<ComponentType<P> | null>(() => loaded);
    const [failed, setFailed] = useState(false);
    const [round, setRound] = useState(0);
    // At once: a tab in the background paints nothing, and effects wait for that.
    useLayoutEffect(() => {
      if (loaded) return setView(() => loaded);
      let mounted = true;
      load().then(
        (view) => {
          loaded = view;
          if (mounted) setView(() => view);
        },
        () => mounted && setFailed(true),
      );
      return () => {
        mounted = false;
      };
    }, [round]);
    if (View) return <View {...props} />;
    if (!failed) return quiet ? null : <Loading />;
    return (
      <div class="crash" role="alert">
        <p>{t.crash.title}</p>
        <button
          type="button"
          class="btn btn-plain"
          onClick={() => {
            setFailed(false);
            setRound(round + 1);
          }}
        >
          {t.retry}
        </button>
      </div>
    );
  }
}

export function Loading() {
  return (
    <div class="loading" role="status">
      <span class="spinner" aria-hidden="true" />
      <span class="sr-only">{t.loading}</span>
    </div>
  );
}

