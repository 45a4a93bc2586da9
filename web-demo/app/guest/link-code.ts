/** What somebody pasted who was sent a link: the code in it, or why there is none. Pure. */
export type Pasted = { code: string } | { problem: 'missing' | 'wrong' } | { problem: 'elsewhere'; host: string };

const CODE = /^[A-Za-z0-9_-]{22}$/;
/** Anywhere in what was pasted, with or without its beginning: people copy half a line, and mails wrap links in brackets. */
const LINK = /([a-z0-9.-]+(?::\d+)?|\[[0-9a-f:]+\](?::\d+)?)?\/j\/([a-z0-9_-]{22})(?![a-z0-9_-])/i;

/** `here`: host and port of this page. */
export function readLink(pasted: string, here: string): Pasted {
  const text = pasted.trim();
  if (text === '') return { problem: 'missing' };
  if (CODE.test(text)) return { code: text };
  const [, host = '', code] = LINK.exec(text) ?? [];
  if (!code) return { problem: 'wrong' };
  return host !== '' && host.toLowerCase() !== here.toLowerCase() ? { problem: 'elsewhere', host } : { code };
}
