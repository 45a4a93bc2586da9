import { useEffect, useRef, useState } from 'preact/hooks';
import { Hash } from 'lucide';
import { codeOf, type SearchHit, type Suggestions } from '../../sdk/index';
import { announce } from '../a11y/announcer';
import { convene } from '../client';
import { fullDate, shortWhen } from '../format';
import { goToMessage, openChannel, openDm } from '../intents';
import { route } from '../router';
import { channels as allChannels, channelsById, findChannel, me, nameOf, searchOpen, titleOf } from '../store';
import { t } from '../strings';
import { Avatar } from '../ui/avatar';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { Icon } from '../ui/icon';
import { unreadMark } from '../unread';
import { excerpt } from './excerpt';
import { places } from './places';

/** A pause this long while typing asks the server. */
const PAUSE_MS = 180;
/** As long as the server takes. */
const LONGEST = 200;

interface Results {
  hits: readonly SearchHit[];
  next: string | null;
  suggestions: Suggestions;
}

const close = () => (searchOpen.value = false);

/** Conversations of mine, without asking anybody. */
function known(typed: string, here: string) {
  const now = Date.now();
  const mine = allChannels.value.flatMap((channel) => {
    const { bold, count } = unreadMark(channel, now);
    return channel.archivedAt || channel.id === here ? [] : [{ id: channel.id, title: titleOf(channel), unread: bold, count, lastAt: channel.lastMessageAt, channel }];
  });
  // `@` means people, `#` means channels.
  const kind = typed.trim()[0];
  return places(mine.filter(({ channel }) => (kind === '@' ? channel.kind === 'dm' : kind !== '#' || channel.kind !== 'dm')), typed);
}

/** Goes to a conversation, and finds messages, channels and people while somebody types. */
export function SearchDialog() {
  const [q, setQ] = useState('');
  const [onlyHere, setOnlyHere] = useState(false);
  const [results, setResults] = useState<Results | null>(null);
  const [problem, setProblem] = useState('');
  const body = useRef<HTMLDivElement>(null);
  // Only the answer to the newest question is shown.
  const question = useRef(0);
  const r = route.value;
  const here = r.name === 'channel' || r.name === 'dm' ? findChannel(r.ref) : undefined;
  const scope = onlyHere && here ? { channelId: here.id } : {};

  useEffect(() => {
    const number = ++question.current;
    if (!q.trim()) {
      setResults(null);
      setProblem('');
      return;
    }
    const timer = setTimeout(() => void ask(number), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [q, onlyHere]);

  const ask = async (number: number) => {
    try {
      const [page, suggestions] = await Promise.all([
        convene.chat.search({ q, ...scope }).catch((error: unknown) => {
          // Signs without a word: there may be a channel of that name all the same.
          if (codeOf(error) === 'validation.failed' && q.length < 40) return { hits: [], next: null };
          throw error;
        }),
        onlyHere || /[:"]/.test(q) ? { channels: [], users: [] } : convene.chat.suggest(q),
      ]);
      if (number !== question.current) return;
      setResults({ ...page, suggestions });
      setProblem('');
      announce(t.search.found(page.hits.length, page.next !== null));
    } catch (error) {
      if (number === question.current) setProblem(problemOf(error));
    }
  };

  const more = async () => {
    const number = question.current;
    if (!results?.next) return;
    try {
      const page = await convene.chat.search({ q, ...scope, cursor: results.next });
      if (number === question.current) setResults({ ...results, hits: [...results.hits, ...page.hits], next: page.next });
    } catch (error) {
      if (number === question.current) setProblem(problemOf(error));
    }
  };

  /** The arrows go through the results; Enter in the field takes the first. */
  const onKeyDown = (event: KeyboardEvent) => {
    const all = [...(body.current?.querySelectorAll<HTMLElement>('[data-result], input[type=search]') ?? [])];
    const at = all.indexOf(document.activeElement as HTMLElement);
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      all[Math.max(0, Math.min(all.length - 1, at + (event.key === 'ArrowDown' ? 1 : -1)))]?.focus();
    } else if (event.key === 'Enter' && at === 0 && !event.isComposing) {
      event.preventDefault();
      all[1]?.click();
    }
  };

  const near = onlyHere || /[:"]/.test(q) ? [] : known(q, here?.id ?? '');
  const isNear = new Set(near.map((one) => one.id));
  const { channels: suggested = [], users = [] } = results?.suggestions ?? {};
  const channels = suggested.filter((c) => !isNear.has(c.id) && c.kind !== 'dm');
  const people = users.filter((u) => u.id !== me.value?.id);
  const empty = results !== null && results.hits.length + near.length + channels.length + people.length === 0 && results.next === null;
  return (
    <Dialog title={t.search.title} onClose={close} testid="search">
      <div class="search" ref={body} onKeyDown={onKeyDown}>
        <input
          type="search"
          class="search-field"
          aria-label={t.search.label}
          placeholder={t.search.placeholder}
          maxLength={LONGEST}
          autoComplete="off"
          autoFocus
          dir="auto"
          value={q}
          onInput={(event) => setQ(event.currentTarget.value)}
          data-testid="search-field"
        />
        {here && (
          <label class="search-here">
            <input type="checkbox" checked={onlyHere} onChange={(event) => setOnlyHere(event.currentTarget.checked)} />
            <span dir="auto">{t.search.onlyHere(titleOf(here))}</span>
          </label>
        )}
        {problem ? (
          <p class="form-error" role="alert">
            {problem}
          </p>
        ) : (
          !results && <p class="meta">{t.search.hint}</p>
        )}
        {empty && !problem && <p class="meta">{t.search.nothing}</p>}
        {near.length + channels.length + people.length > 0 && (
          <section aria-labelledby="search-places">
            <h3 id="search-places">{q.trim() ? t.search.channels : t.search.recent}</h3>
            <ul class="search-places">
              {near.map(({ channel, title, unread, count }) => (
                <li key={channel.id}>
                  <button type="button" class="row" data-result data-unread={unread} data-testid="search-channel" onClick={() => (close(), openChannel(channel))}>
                    {channel.kind === 'dm' ? <Avatar id={convene.chat.peerOf(channel) || channel.id} name={title} size="s" /> : <Icon node={Hash} size={18} />}
                    <span class="row-name" dir="auto">
                      {title}
                    </span>
                    {unread && (
                      <span class={count > 0 ? 'badge' : 'unread-dot'}>
                        {count > 0 && count}
                        <span class="sr-only">{t.nav.unread}</span>
                      </span>
                    )}
                  </button>
                </li>
              ))}
              {channels.map((c) => (
                <li key={c.id}>
                  <button type="button" class="row" data-result data-testid="search-channel" onClick={() => (close(), openChannel(c))}>
                    <Icon node={Hash} size={18} />
                    <span class="row-name" dir="auto">
                      {titleOf(c)}
                    </span>
                  </button>
                </li>
              ))}
              {people.map((u) => (
                <li key={u.id}>
                  <button type="button" class="row" data-result data-testid="search-person" onClick={() => (close(), void openDm(u.id))}>
                    <Avatar id={u.id} name={u.name} size="s" />
                    <span class="row-name" dir="auto">
                      {u.name}
                    </span>
                  </button>
                </li>
              ))}
            </ul>
          </section>
        )}
        {results && results.hits.length > 0 && (
          <section aria-labelledby="search-messages">
            <h3 id="search-messages">{t.search.messages}</h3>
            <ul class="search-hits">
              {results.hits.map((hit) => (
                <li key={hit.message.id}>
                  <Hit hit={hit} />
                </li>
              ))}
            </ul>
          </section>
        )}
        {results?.next && (
          <Button onClick={() => void more()} testid="search-more">
            {t.search.more}
          </Button>
        )}
      </div>
    </Dialog>
  );
}

function Hit({ hit: { message, highlights } }: { hit: SearchHit }) {
  const channel = channelsById.value.get(message.channelId);
  const author = nameOf(message.authorId, message.authorName);
  return (
    <button
      type="button"
      class="search-hit"
      data-result
      data-testid="search-hit"
      data-hit-id={message.id}
      onClick={() => {
        close();
        void goToMessage(message);
      }}
    >
      <span class="search-hit-head">
        <strong dir="auto">{channel ? t.search.where(author, titleOf(channel)) : author}</strong>
        <time class="meta" dateTime={message.createdAt} title={fullDate(message.createdAt)}>
          {shortWhen(message.createdAt)}
        </time>
      </span>
      <span class="search-hit-text" dir="auto">
        {excerpt(message.content, highlights).map((piece, at) => (piece.found ? <mark key={at}>{piece.text}</mark> : piece.text))}
      </span>
    </button>
  );
}

function problemOf(error: unknown): string {
  const code = codeOf(error);
  return code === 'limit.rate' ? t.search.limited : code === 'validation.failed' ? t.search.tooMuch : t.search.failed;
}
