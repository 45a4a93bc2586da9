/** What a link opens: who is inside, under which name one comes, with which devices. Also every way in which it does not work. */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { codeOf, LONGEST_GUEST_NAME, showInvite, type ShownInvite } from '../../sdk/index';
import { announce } from '../a11y/announcer';
import { convene } from '../client';
import { PermissionNote } from '../devices/permission-note';
import { LevelMeter, PreviewBox } from '../lobby/parts';
import { guestName } from '../prefs';
import { go } from '../router';
import { channelsById, devicesOpen, everReady, inCall, local, me, signedIn, status } from '../store';
import { t } from './texts';
import { Button } from '../ui/button';
import { Loading, lazy } from '../ui/lazy';
import { Logo } from '../ui/icon';
import { askAgain, comeIn, followGuest, stopWaiting } from './acts';
import { guestPhase, stay } from './stay';
import '../styles/guest.css';

const DeviceDialog = lazy(() => import('../devices/device-dialog').then((m) => m.DeviceDialog));
/** Devices have names once one may be used: until then there is nothing to pick from. */
const MicrophoneSelect = lazy(() => import('../devices/device-select').then((m) => m.MicrophoneSelect), true);
const SpeakerSelect = lazy(() => import('../devices/device-select').then((m) => m.SpeakerSelect), true);
/** A picture of somebody who has no account yet. */
const NOBODY = 'guest';
const NAMES_SHOWN = 3;

followGuest();

interface Props {
  code: string;
  onSignIn: () => void;
}

export function GuestLobby({ code, onSignIn }: Props) {
  const [shown, setShown] = useState<ShownInvite | null>(null);
  const [failed, setFailed] = useState('');
  const [round, setRound] = useState(0);
  const phase = guestPhase.value;
  const again = () => {
    guestPhase.value = 'form';
    setFailed('');
    setShown(null);
    setRound(round + 1);
  };

  useEffect(() => {
    let gone = false;
    showInvite('', code).then(
      (found) => !gone && setShown(found),
      (error: unknown) => !gone && setFailed(codeOf(error)),
    );
    return () => {
      gone = true;
    };
  }, [code, round]);

  // Whoever is in the channel needs no link; a guest comes back to its own by the browser's button.
  const own = stay.value?.code === code ? stay.value.channelId : shown?.channelId;
  const inside = phase === 'form' && signedIn.value && everReady.value && own !== undefined && channelsById.value.has(own) ? own : '';
  useLayoutEffect(() => {
    if (inside) go(inCall.value ? { name: 'call' } : { name: 'lobby', ref: inside, video: false }, true);
  }, [inside]);

  // How one stay ended is not how the next one begins: another link may be opened without loading the page again.
  useEffect(
    () => () => {
      if (!stay.peek() && t.guest.over[guestPhase.peek()]) guestPhase.value = 'form';
    },
    [],
  );

  const over = t.guest.over[phase];
  return (
    <main class="guest" data-testid="guest" data-phase={phase} data-code={failed}>
      <header class="guest-head">
        <Logo size={28} />
        <span>{t.app}</span>
      </header>
      {over ? (
        <Sorry {...over} testid={`guest-${phase}`} onClick={() => (phase === 'unanswered' || phase === 'full' ? askAgain() : again())} />
      ) : phase === 'waiting' ? (
        <Waiting />
      ) : failed ? (
        <NoWay code={failed} again={again} onSignIn={onSignIn} />
      ) : !shown || inside || (signedIn.value && !everReady.value) ? (
        <Loading />
      ) : (
        <Door code={code} shown={shown} onFailed={setFailed} onSignIn={onSignIn} />
      )}
      {devicesOpen.value && <DeviceDialog />}
    </main>
  );
}

/** A heading that is read when it comes. */
function Sorry({ title, text, action, testid, onClick }: { title: string; text: string; action: string; testid: string; onClick: () => void }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · ${t.app}`;
    heading.current?.focus();
  }, [title]);
  return (
    <section class="guest-card" aria-labelledby="guest-title" data-testid={testid}>
      <h1 id="guest-title" ref={heading} tabIndex={-1}>
        {title}
      </h1>
      <p>{text}</p>
      <Button kind="primary" class="btn-large" onClick={onClick} testid="guest-action">
        {action}
      </Button>
    </section>
  );
}

/** What will never work again leads to the sign-in; the rest can be tried once more. */
function NoWay({ code, again, onSignIn }: { code: string; again: () => void; onSignIn: () => void }) {
  const { title = '', text = '' } = t.guest.failed[code] ?? t.guest.failed['other'] ?? {};
  const final = code === 'not_found.invite' || code === 'invite.gone';
  useEffect(() => {
    if (code !== 'client.offline') return;
    addEventListener('online', again);
    return () => removeEventListener('online', again);
  }, [code]);
  return <Sorry title={title} text={text} testid="guest-failed" action={final ? t.guest.account : t.retry} onClick={final ? onSignIn : again} />;
}

function Waiting() {
  const heading = useRef<HTMLHeadingElement>(null);
  const where = stay.value?.channelName ?? '';
  const lost = status.value.phase !== 'ready';
  useEffect(() => {
    document.title = `${t.guest.waiting} · ${t.app}`;
    heading.current?.focus();
    announce(t.guest.waitingText(where));
  }, []);
  return (
    <section class="guest-card" aria-labelledby="guest-title" data-testid="guest-waiting">
      <h1 id="guest-title" ref={heading} tabIndex={-1}>
        {t.guest.waiting}
      </h1>
      <p dir="auto">
        <span class="spinner" aria-hidden="true" /> {lost ? t.guest.offlineWaiting : t.guest.waitingText(where)}
      </p>
      <Button class="btn-large" onClick={stopWaiting} testid="guest-stop">
        {t.guest.stop}
      </Button>
    </section>
  );
}

interface DoorProps {
  code: string;
  shown: ShownInvite;
  onFailed: (code: string) => void;
  onSignIn: () => void;
}

function Door({ code, shown, onFailed, onSignIn }: DoorProps) {
  const input = useRef<HTMLInputElement>(null);
  const [name, setName] = useState(guestName.value || (signedIn.value ? (me.value?.name ?? '') : ''));
  const [problem, setProblem] = useState('');
  const { local: media } = convene;
  const busy = guestPhase.value === 'entering';

  // With the picture, not after it: the first letter of a name may come with it.
  useLayoutEffect(() => {
    if (!name) input.current?.focus();
  }, []);
  useEffect(() => {
    document.title = `${t.guest.title(shown.channelName)} · ${t.app}`;
    // What needs no question opens at once; for the rest somebody presses a button.
    if (shown.publish) void media.openIfAllowed('mic');
    return () => {
      // On the way in, and while waiting, they stay open: they were chosen for the call.
      if (stay.peek() === null && convene.call.state.phase === 'idle') media.release();
    };
  }, []);

  const enter = async (listenOnly: boolean) => {
    const called = name.trim();
    if (!called) {
      setProblem(t.guest.nameMissing);
      input.current?.focus();
      return;
    }
    setProblem('');
    const failed = await comeIn(code, shown, called, listenOnly);
    if (failed === 'validation.failed') setProblem(t.guest.nameRefused);
    else if (failed) onFailed(failed);
  };

  return (
    <form
      class={shown.publish ? 'lobby guest-door' : 'lobby guest-door guest-listens'}
      aria-labelledby="guest-title"
      data-testid="guest-lobby"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void enter(false);
      }}
    >
      {shown.publish && <PreviewBox who={{ id: NOBODY, name: name || t.you }} keys={false} />}
      <div class="lobby-side">
        <h1 id="guest-title" dir="auto">
          {shown.channelName}
        </h1>
        <p class="lobby-inside" data-testid="guest-inside">
          {shown.count > 0 ? t.lobby.inside(shown.people.slice(0, NAMES_SHOWN), Math.max(0, shown.count - Math.min(NAMES_SHOWN, shown.people.length))) : t.lobby.nobody}
        </p>
        {signedIn.value && me.value && <p class="note">{t.guest.stranger(me.value.name, shown.channelName)}</p>}
        <label class="field">
          <span>{t.guest.name}</span>
          <input
            ref={input}
            name="name"
            value={name}
            autocomplete="name"
            maxLength={LONGEST_GUEST_NAME}
            dir="auto"
            required
            aria-invalid={problem !== ''}
            aria-describedby="guest-name-hint"
            onInput={(event) => setName(event.currentTarget.value)}
            data-testid="guest-name"
          />
        </label>
        <p class={problem ? 'form-error' : 'meta'} id="guest-name-hint" role={problem ? 'alert' : undefined}>
          {problem || t.guest.nameHint}
        </p>
        {shown.publish ? <Microphone /> : <p class="note">{t.guest.listenOnly}</p>}
        {shown.lobby && <p class="meta">{t.guest.mustAsk}</p>}
        <div class="lobby-actions">
          <Button kind="primary" type="submit" class="btn-large" aria-disabled={busy} testid="guest-join">
            {busy ? t.guest.entering : shown.lobby ? t.guest.ask : t.guest.join}
          </Button>
          {shown.publish && (
            <Button class="btn-large" aria-disabled={busy} onClick={() => void enter(true)} testid="guest-listen">
              {t.guest.listen}
            </Button>
          )}
        </div>
        <Hint />
        {!signedIn.value && (
          <button type="button" class="btn btn-quiet guest-account" onClick={onSignIn} data-testid="guest-account">
            {t.guest.account}
          </button>
        )}
      </div>
    </form>
  );
}

/** Has the room for its devices from the beginning: what is below is pressed while they open, and must not move away. */
function Microphone() {
  const { micTrack, micProblem, micSilent, cameraProblem } = local.value;
  return (
    <div class="guest-devices">
      <PermissionNote problem={micProblem} kind="mic" />
      {micTrack && <MicrophoneSelect />}
      {micTrack && <LevelMeter />}
      {micSilent && (
        <p class="note note-warn" role="status" data-testid="mic-silent">
          {t.microphone.silent}
        </p>
      )}
      {micProblem !== 'notAsked' && <PermissionNote problem={cameraProblem} kind="camera" />}
      {micTrack && <SpeakerSelect />}
    </div>
  );
}

/** Keeps its place, so that nothing moves under the pointer. */
function Hint() {
  return <p class="meta lobby-hint">{local.value.opening.mic && t.lobby.allowHint}</p>;
}

