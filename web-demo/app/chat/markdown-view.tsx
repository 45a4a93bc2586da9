import type { ComponentChildren } from 'preact';
import { t } from '../strings';
import { parse, type Piece } from './markdown';

/** A message's text. `trail` stands on its last line. Everything is a node: no markup is ever read by the browser. */
export function Markdown({ text, trail }: { text: string; trail?: ComponentChildren }) {
  const pieces = parse(text);
  const last = pieces.at(-1);
  if (last?.type !== 'paragraph') {
    return (
      <>
        {pieces.map(block)}
        {trail}
      </>
    );
  }
  return (
    <>
      {pieces.slice(0, -1).map(block)}
      <p>
        {inside(last)}
        {trail}
      </p>
    </>
  );
}

const inside = (piece: Piece): ComponentChildren => ('children' in piece ? piece.children.map(block) : piece.text);

function block(piece: Piece, at: number): ComponentChildren {
  switch (piece.type) {
    case 'text':
      return piece.text;
    case 'paragraph':
      return <p key={at}>{inside(piece)}</p>;
    case 'strong':
      return <strong key={at}>{inside(piece)}</strong>;
    case 'em':
      return <em key={at}>{inside(piece)}</em>;
    case 'del':
      return <del key={at}>{inside(piece)}</del>;
    case 'quote':
      return <blockquote key={at}>{inside(piece)}</blockquote>;
    case 'item':
      return <li key={at}>{inside(piece)}</li>;
    case 'list':
      return piece.ordered ? (
        <ol key={at} start={piece.start}>
          {inside(piece)}
        </ol>
      ) : (
        <ul key={at}>{inside(piece)}</ul>
      );
    case 'rule':
      return <hr key={at} />;
    case 'code':
      return (
        <code key={at} dir="ltr">
          {piece.text}
        </code>
      );
    case 'block':
      return (
        <pre key={at} dir="ltr" tabIndex={0} role="region" aria-label={t.chat.code(piece.lang)}>
          <code>{piece.text}</code>
        </pre>
      );
    case 'link':
      return (
        <a key={at} href={piece.href} target="_blank" rel="noopener noreferrer ugc">
          {inside(piece)}
          {piece.host && (
            <bdi class="link-host" dir="ltr">
              {' '}
              ({piece.host})
            </bdi>
          )}
        </a>
      );
  }
}
