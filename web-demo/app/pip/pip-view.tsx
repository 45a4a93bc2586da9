/** The page inside the small window. Everything that watches an element is made by the window the element is in. */
import { render } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { Maximize2, Mic, MicOff, PhoneOff, Video, VideoOff } from 'lucide';
import { neededHeight } from '../../sdk/index';
import { aside } from '../call/seating';
import { received } from '../call/call-state';
import { showSpeaking } from '../call/speaking';
import { leaveCall, toggleCamera, toggleMic } from '../intents';
import { micMode } from '../prefs';
import { pressTalk } from '../push-to-talk';
import { go } from '../router';
import { local, nameOf } from '../store';
import { t } from '../strings';
import { Avatar } from '../ui/avatar';
import { IconButton } from '../ui/button';
import { Icon } from '../ui/icon';
import { pipTile, streamOf } from './pip';
import '../styles/pip.css';

type PipWindow = Window & typeof globalThis;

/** Until the returned function is called. */
export function mountPip(win: Window): () => void {
  const { document: inside } = win;
  const { documentElement: from } = document;
  const { documentElement: to } = inside;
  to.lang = from.lang;
  to.dir = from.dir;
  if (from.dataset['theme']) to.dataset['theme'] = from.dataset['theme'];
  inside.title = t.pip.title;
  // The same sheets, from the same place: nothing inline, here as there.
  for (const sheet of document.querySelectorAll<HTMLLinkElement>('link[rel=stylesheet]')) {
    const link = inside.createElement('link');
    link.rel = 'stylesheet';
    link.href = sheet.href;
    inside.head.append(link);
  }
  inside.body.className = 'call pip';
  render(<Pip win={win as PipWindow} />, inside.body);
  return () => render(null, inside.body);
}

function Pip({ win }: { win: PipWindow }) {
  const stage = useRef<HTMLDivElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const tile = pipTile.value;
  const key = tile?.key;
  const participantId = tile?.participant.participantId ?? '';
  const stream = tile && streamOf(tile);
  const { micOn, cameraOn } = local.value;

  useLayoutEffect(() => {
    const element = video.current;
    if (!element || (element.srcObject as MediaStream | null)?.getTracks()[0] === stream?.getTracks()[0]) return;
    element.srcObject = stream;
    if (stream) void element.play().catch(() => {});
  }, [stream, received.value]);

  useLayoutEffect(() => {
    const element = stage.current;
    if (!element || key === undefined) return;
    const observer = new win.ResizeObserver(([entry]) => {
      if (!entry) return;
      const { width: w, height: h } = entry.contentRect;
      aside.value = { key, height: neededHeight({ w, h }, win.devicePixelRatio, 'cover') };
    });
    observer.observe(element);
    const silent = showSpeaking(element, participantId);
    return () => {
      observer.disconnect();
      silent();
    };
  }, [key, participantId]);

  const name = tile ? nameOf(tile.participant.userId, tile.participant.name) : '';
  const back = () => {
    go({ name: 'call' });
    window.focus();
    win.close();
  };
  return (
    <main class="pip-page" aria-label={t.call.mini}>
      <div class={`pip-stage tile ${tile?.self ? 'tile-mirror' : ''}`} ref={stage} data-testid="pip-stage" data-participant={participantId}>
        {!stream && tile && (
          <div class="tile-avatar">
            <Avatar id={tile.participant.userId} name={name} size="xl" />
          </div>
        )}
        <video ref={video} autoplay playsInline muted hidden={!stream} data-testid="pip-video" aria-hidden="true" tabIndex={-1} />
        <div class="tile-name">
          {tile?.muted && <Icon node={MicOff} size={15} class="tile-muted" />}
          <span dir="auto">{name}</span>
        </div>
      </div>
      <div class="pip-tools" role="toolbar" aria-label={t.call.toolbar}>
        <IconButton
          icon={micOn ? Mic : MicOff}
          label={t.call.mic}
          aria-pressed={micOn}
          class={micOn ? '' : 'is-off'}
          onPointerDown={pressTalk}
          onClick={() => micMode.value === 'open' && void toggleMic()}
          testid="pip-mic"
        />
        <IconButton icon={cameraOn ? Video : VideoOff} label={t.call.camera} aria-pressed={cameraOn} class={cameraOn ? '' : 'is-off'} onClick={() => void toggleCamera()} testid="pip-camera" />
        <button type="button" class="pip-back" onClick={back} data-testid="pip-back">
          <Icon node={Maximize2} size={18} />
          {t.pip.back}
        </button>
        <IconButton icon={PhoneOff} label={t.call.leaveCall} class="is-leave" onClick={() => void leaveCall()} testid="pip-leave" />
      </div>
      <p class="sr-only" role="status">
        {micOn ? t.pip.micOn : t.pip.micOff}
      </p>
    </main>
  );
}
