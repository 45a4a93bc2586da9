import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { ChevronLeft, ChevronRight } from 'lucide';
import { t } from '../strings';
import { Boundary } from '../ui/boundary';
import { IconButton } from '../ui/button';
import { cycleLayout, effectiveLayout, mainKey, page, tiles } from './call-state';
import { arrange, place } from './layout';
import { Tile } from './tile';

const PHONE_WIDTH = 700;

export function Stage() {
  const root = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  const cols = useRef<number | undefined>(undefined);
  const count = useRef(0);

  useLayoutEffect(() => {
    const element = root.current;
    if (!element) return;
    const observer = new ResizeObserver(([entry]) => {
      if (entry) setSize({ width: entry.contentRect.width, height: entry.contentRect.height });
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const all = tiles.value;
  const mode = effectiveLayout.value;
  const stage = arrange({
    keys: all.map((tile) => tile.key),
    ...size,
    mode,
    main: mainKey.value,
    page: page.value,
    phone: size.width < PHONE_WIDTH,
    // Columns are only kept while the number of people is the same.
    previousCols: count.current === all.length ? cols.current : undefined,
  });
  useEffect(() => {
    cols.current = stage.cols || undefined;
    count.current = all.length;
  });

  return (
    <div class="stage" data-mode={mode} data-testid="stage">
      <div class="stage-area" ref={root}>
        {all.map((tile) => (
          <Boundary key={tile.key} name="tile" fallback={<div class="tile" />}>
            <Tile tile={tile} rect={stage.places.get(tile.key) ?? null} main={mode === 'speaker' && tile.key === mainKey.value} />
          </Boundary>
        ))}
        {stage.more && (
          <button type="button" class="tile stage-more" style={place(stage.more.rect)} onClick={cycleLayout} aria-label={t.call.showAll(stage.more.count)}>
            +{stage.more.count}
          </button>
        )}
      </div>
      {stage.pages > 1 && (
        <div class="stage-pages">
          <IconButton icon={ChevronLeft} class="flip-rtl" label={t.call.previous} disabled={stage.page === 0} onClick={() => (page.value = stage.page - 1)} />
          <span>{t.call.page(stage.page + 1, stage.pages)}</span>
          <IconButton icon={ChevronRight} class="flip-rtl" label={t.call.next} disabled={stage.page >= stage.pages - 1} onClick={() => (page.value = stage.page + 1)} />
        </div>
      )}
    </div>
  );
}
