/**
 * What somebody wrote, as a tree of the few things a message may hold. The parser gives tokens; only those named here
 * come through, and no markup ever does: views build nodes from the tree. Pure.
 */
import MarkdownIt, { type Token } from 'markdown-it';

export type Piece =
  | { type: 'text'; text: string }
  | { type: 'code'; text: string }
  | { type: 'block'; text: string; lang: string }
  | { type: 'link'; href: string; /** Said beside a text that hides where it leads. */ host: string; children: Piece[] }
  | { type: 'strong' | 'em' | 'del' | 'paragraph' | 'quote' | 'item' | 'rule'; children: Piece[] }
  | { type: 'list'; ordered: boolean; start: number; children: Piece[] };

/** Longer texts are shown as they were written. */
export const MAX_CHARS = 20_000;
/** Deeper than this only the text remains. */
export const MAX_DEPTH = 12;
/** As many parsed texts are kept; a channel's window is not larger. */
const KEPT = 500;

const parser = new MarkdownIt('zero', { html: false, linkify: true, maxNesting: MAX_DEPTH * 2 }).enable([
  'newline', 'escape', 'backticks', 'strikethrough', 'emphasis', 'link', 'autolink', 'linkify',
  'fence', 'blockquote', 'list', 'hr',
  'balance_pairs', 'fragments_join',
]);
// Names of files are no addresses.
parser.linkify.set({ fuzzyLink: false });

const kept = new Map<string, Piece[]>();

/** Once for each text: what is shown again is not parsed again. */
export function parse(content: string): Piece[] {
  const known = kept.get(content);
  if (known) {
    kept.delete(content);
    kept.set(content, known);
    return known;
  }
  const tree = content.length > MAX_CHARS ? plain(content) : build(content);
  kept.set(content, tree);
  if (kept.size > KEPT) for (const oldest of kept.keys()) {
    kept.delete(oldest);
    break;
  }
  return tree;
}

const plain = (text: string): Piece[] => [{ type: 'paragraph', children: [{ type: 'text', text }] }];

function build(content: string): Piece[] {
  try {
    return collect(parser.parse(content, {}), content);
  } catch {
    return plain(content);
  }
}

const OPENS: Record<string, (token: Token) => Piece | null> = {
  paragraph_open: () => ({ type: 'paragraph', children: [] }),
  blockquote_open: () => ({ type: 'quote', children: [] }),
  bullet_list_open: () => ({ type: 'list', ordered: false, start: 1, children: [] }),
  ordered_list_open: (token) => ({ type: 'list', ordered: true, start: Number(token.attrGet('start') ?? 1) || 1, children: [] }),
  list_item_open: () => ({ type: 'item', children: [] }),
  strong_open: () => ({ type: 'strong', children: [] }),
  em_open: () => ({ type: 'em', children: [] }),
  s_open: () => ({ type: 'del', children: [] }),
  link_open: (token) => {
    const href = safeHref(String(token.attrGet('href') ?? ''));
    return href === null ? null : { type: 'link', href, host: '', children: [] };
  },
};

function collect(tokens: readonly Token[], content: string): Piece[] {
  const root: Piece[] = [];
  const open: Piece[][] = [root];
  const add = (piece: Piece) => {
    if (piece.type === 'text' && piece.text === '') return;
    const here = open[open.length - 1] ?? root;
    const last = here.at(-1);
    if (piece.type === 'text' && last?.type === 'text') last.text += piece.text;
    else here.push(piece);
  };
  const walk = (list: readonly Token[]) => {
    for (const token of list) {
      if (token.nesting === 1) {
        const piece = open.length <= MAX_DEPTH ? (OPENS[token.type]?.(token) ?? null) : null;
        if (piece) add(piece);
        // What is not allowed leaves its inside where it stands.
        open.push(piece && 'children' in piece ? piece.children : (open[open.length - 1] ?? root));
      } else if (token.nesting === -1) {
        open.pop();
        const closed = open[open.length - 1]?.at(-1);
        if (token.type === 'link_close' && closed?.type === 'link') closed.host = hostToShow(closed.href, textOf(closed.children));
      } else if (token.type === 'inline') walk(token.children ?? []);
      else if (token.type === 'text') add({ type: 'text', text: token.content });
      else if (token.type === 'softbreak' || token.type === 'hardbreak') add({ type: 'text', text: '\n' });
      else if (token.type === 'code_inline') add({ type: 'code', text: token.content });
      else if (token.type === 'fence') add({ type: 'block', text: token.content.replace(/\n$/, ''), lang: token.info.trim().split(/\s/)[0] ?? '' });
      else if (token.type === 'hr') add({ type: 'rule', children: [] });
      else if (token.content) add({ type: 'text', text: token.content });
    }
  };
  walk(tokens);
  // A text of nothing but marks that say nothing is shown as it was written.
  return textOf(root).trim() === '' && !has(root, 'rule') && content.trim() !== '' ? plain(content) : root;
}

const has = (pieces: readonly Piece[], type: Piece['type']): boolean => pieces.some((one) => one.type === type || ('children' in one && has(one.children, type)));

/** What is left without any marks. */
export function textOf(pieces: readonly Piece[]): string {
  return pieces.map((one) => ('children' in one ? textOf(one.children) : one.text)).join('');
}

/** The address a link may have: web and mail, nothing that runs. */
export function safeHref(raw: string): string | null {
  if (!URL.canParse(raw)) return null;
  const { protocol, href } = new URL(raw);
  return protocol === 'http:' || protocol === 'https:' || protocol === 'mailto:' ? href : null;
}

const bare = (text: string): string => text.trim().replace(/^(https?:\/\/|mailto:)/i, '').replace(/\/$/, '').toLowerCase();

/** Empty where the text itself says where the link leads. */
export function hostToShow(href: string, text: string): string {
  const { protocol, host, pathname, username } = new URL(href);
  const whole = bare(text);
  const target = protocol === 'mailto:' ? decode(pathname) : host;
  // `https://bank.example@evil.example` leads to the second.
  if (username) return target;
  if (whole === bare(href) || whole === bare(decode(href)) || whole === target.toLowerCase()) return '';
  // `bücher.example` is how people write `xn--bcher-kva.example`, but so are names that only look alike: it is said.
  const written = /^https?:\/\//i.test(text.trim()) && URL.canParse(text.trim()) ? new URL(text.trim()).href : '';
  return written === href && !target.includes('xn--') ? '' : target;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
