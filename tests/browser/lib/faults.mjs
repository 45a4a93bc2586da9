// What goes wrong with a layout that is larger, narrower or spaced otherwise than it was made for.

/** Runs in the page: what is cut off, and what is wider than it may be. */
export function faults() {
  const found = [];
  const over = document.documentElement.scrollWidth - innerWidth;
  if (over > 0) found.push(`${over} px wider than the window`);
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || element.closest('.sr-only, .skip, svg, select')) continue;
    const style = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    // A pixel is what texts for ears alone have.
    if (style.visibility === 'hidden' || box.width <= 1) continue;
    const what = `${element.tagName.toLowerCase()}.${element.className} "${element.textContent.trim().slice(0, 40)}"`;
    const hides = (way) => way === 'hidden' || way === 'clip';
    if (style.display !== 'inline') {
      if (hides(style.overflowX) && element.scrollWidth > element.clientWidth + 1 && style.textOverflow !== 'ellipsis') found.push(`cut off: ${what}`);
      if (hides(style.overflowY) && element.scrollHeight > element.clientHeight + 2 && style.webkitLineClamp === 'none') found.push(`cut off below: ${what}`);
    }
    // Out of the window to the side, unless something scrolls there by itself: code, tables and a row of tabs may.
    let scrolls = false;
    for (let up = element; up && up !== document.body; up = up.parentElement) {
      const outer = getComputedStyle(up);
      scrolls ||= (outer.overflowX === 'auto' || outer.overflowX === 'scroll') && up.matches('pre, table, .stats-scroll, .admin-tabs, [role="region"]:has(table)');
    }
    if (!scrolls && (box.left < -1 || box.right > innerWidth + 1)) found.push(`out of the window: ${what}`);
  }
  return found;
}

/** Runs in the page: texts as far apart as WCAG 1.4.12 says that a page has to bear, or as they were. */
export function spaceTexts(on) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync('* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important } p { margin-block-end: 2em !important }');
  document.adoptedStyleSheets = on ? [sheet] : [];
}
