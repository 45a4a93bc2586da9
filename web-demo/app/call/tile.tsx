import { useEffect, useRef, useState } from 'preact/hooks';
import { AudioLines, EllipsisVertical, MicOff, MonitorUp, PhoneOff, Pin, PinOff } from 'lucide';
import { convene } from '../client';
import { hostsCall, muteInCall, removeFromCall } from '../moderation/acts';
import { PersonMenu } from '../moderation/person-menu';
import { call, callStats, local, nameOf, usersById } from '../store';
import { t } from '../strings';
import { Avatar } from '../ui/avatar';
import { Icon } from '../ui/icon';
import { IconButton } from '../ui/button';
import { callStatsOpen, micOf, pinned, togglePin, type TileModel } from './call-state';
import { LayerSelect } from './layer-select';
import { place, type Rect } from './layout';
import { gradeIcon, gradeOf } from './quality';

/** From this width on, controls leave room for the face. */
const TOOLS_WIDTH = 240;

interface Props {
  tile: TileModel;
  rect: Rect | null;
  main: boolean;
}

export function Tile({ tile, rect, main }: Props) {
  const root = useRef<HTMLDivElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const { participant, self, source, track } = tile;
  const name = nameOf(participant.userId, participant.name);
  const screen = source === 'screen';

  const stream = self ? (screen ? local.value.screenTrack : local.value.cameraTrack) : track;
  const shown = stream !== null && (self || !track?.muted);
  const mic = self ? null : micOf(participant.participantId);
  // A track can be silent for its whole life here, if its camera went off before I came; and the
  // picture from before a pause is no picture of now.
  const [frames, setFrames] = useState(false);
  const picture = shown && (self || frames);
  const muted = self ? !local.value.micOn || !local.value.micTrack : (mic?.muted ?? true) || participant.voiceState.muted === true;
  const paused = !self && shown && track?.paused === true;
  const away = !self && participant.connection === 'interrupted';
  const unsupported = !self && shown && track?.unsupported === true;
  const note = away ? t.call.reconnecting : unsupported ? t.call.unsupported : paused ? t.call.paused : '';
  const measured = screen ? undefined : call.value.quality.get(participant.participantId);
  const grade = measured ? gradeOf(measured.score) : null;

  // The element stays; only its source changes.
  useEffect(() => {
    const element = video.current;
    if (!element) return;
    const next = self ? stream && new MediaStream([stream as MediaStreamTrack]) : track && convene.call.streamOf(track.trackId);
    if (sameStream(element.srcObject as MediaStream | null, next)) return;
    element.srcObject = next;
    setFrames(false);
    if (next) void element.play().catch(() => {});
  }, [self, stream, track?.trackId, call.value.received, shown]);

  useEffect(() => {
    const element = video.current;
    if (!element || !shown || self || !('requestVideoFrameCallback' in element)) return;
    const id = element.requestVideoFrameCallback(() => setFrames(true));
    return () => {
      element.cancelVideoFrameCallback(id);
      setFrames(false);
    };
  }, [shown, self, track?.trackId]);

  // Size and speaking go straight to the client and the element, without a render.
  const trackId = track?.trackId;
  const height = rect && shown ? Math.round(rect.h * Math.min(devicePixelRatio, 2)) : 0;
  useEffect(() => {
    if (!trackId) return;
    convene.call.subscriptions.show(trackId, height, main ? 2 : screen ? 1 : 0);
    // Leaving the view stops the video, unless it comes back within a second.
    return () => convene.call.subscriptions.hide(trackId);
  }, [trackId, height, main, screen]);

  useEffect(() => {
    const element = root.current;
    if (!element || screen) return;
    const { levels } = convene.call;
    const show = (speaking: boolean) => (element.dataset['speaking'] = String(speaking));
    show(levels.isSpeaking(participant.participantId));
    return levels.events.on('speaking', ({ key, speaking }) => {
      if (key === participant.participantId) show(speaking);
    });
  }, [participant.participantId, screen]);

  const roomy = rect !== null && rect.w >= TOOLS_WIDTH;
  const label = screen ? t.call.screenOf(name) : self ? `${name} (${t.you.toLowerCase()})` : name;
  const facts = [
    label,
    !screen && muted && t.call.tileMuted,
    !screen && !picture && t.call.tileCameraOff,
    !screen && participant.voiceState.screen && t.call.tileSharing,
    paused && t.call.tileWeak,
    grade && grade !== 'good' && t.call.connection[grade],
    away && t.call.reconnecting,
  ].filter(Boolean);

  return (
    <div
      ref={root}
      class={`tile ${self && !screen ? 'tile-mirror' : ''} ${screen ? 'tile-screen' : ''} ${main ? 'tile-main' : ''}`}
      role="group"
      aria-label={facts.join(', ')}
      tabIndex={rect ? 0 : -1}
      hidden={!rect}
      style={rect ? place(rect) : {}}
      data-testid="tile"
      data-user={usersById.value.get(participant.userId)?.username ?? participant.userId}
      data-user-id={participant.userId}
      data-participant={participant.participantId}
      data-source={source}
      data-self={self}
      data-muted={screen ? undefined : muted}
      data-video={picture}
      data-paused={paused}
      data-away={away}
      data-quality={grade ?? undefined}
      data-speaking={screen ? undefined : convene.call.levels.isSpeaking(participant.participantId)}
      aria-keyshortcuts="P"
      onDblClick={() => togglePin(tile.key)}
      onKeyDown={(e) => {
        if (e.target !== e.currentTarget || e.key.toLowerCase() !== 'p' || e.ctrlKey || e.metaKey || e.altKey) return;
        e.preventDefault();
        togglePin(tile.key);
      }}
    >
      {!picture && (
        <div class="tile-avatar">
          <Avatar id={participant.userId} name={name} size="xl" />
        </div>
      )}
      <video
        ref={video}
        autoplay
        playsInline
        muted
        hidden={!shown}
        onLoadedData={() => setFrames(true)}
        onResize={() => setFrames(true)}
        data-track-id={trackId}
        data-local={self ? source : undefined}
        aria-hidden="true"
        tabIndex={-1}
      />
      {note && <span class="tile-note">{note}</span>}
      <div class="tile-name">
        {screen ? (
          <Icon node={MonitorUp} size={15} />
        ) : muted ? (
          <Icon node={MicOff} size={15} class="tile-muted" />
        ) : (
          <Icon node={AudioLines} size={15} class="tile-bars" />
        )}
        <span dir="auto">{self && !screen && !roomy ? t.you : label}</span>
        {grade && (
          <span class={`tile-quality quality-${grade}`} title={t.call.connection[grade]} data-testid="tile-quality">
            <Icon node={gradeIcon[grade]} size={14} />
          </span>
        )}
      </div>
      {/* A small tile is all picture: P pins it, and the connection details choose its quality. */}
      {roomy && (
        <div class="tile-tools">
          {trackId && shown && (track?.layers ?? 1) > 1 && <LayerSelect trackId={trackId} name={name} />}
          <IconButton
            icon={pinned.value === tile.key ? PinOff : Pin}
            size={16}
            label={t.call.pinTile(label)}
            aria-pressed={pinned.value === tile.key}
            onClick={() => togglePin(tile.key)}
            testid="tile-pin"
          />
          {!self && !screen && (
            <PersonMenu
              userId={participant.userId}
              name={name}
              channelId={call.value.channelId}
              more
              testid="tile-menu"
              extra={() =>
                hostsCall()
                  ? [
                      !muted && { key: 'mute', label: t.person.mute, icon: MicOff, run: () => void muteInCall(participant.userId) },
                      { key: 'remove-from-call', label: t.person.removeFromCall, icon: PhoneOff, danger: true, run: () => void removeFromCall(participant.userId) },
                    ]
                  : []
              }
            >
              <Icon node={EllipsisVertical} size={16} />
            </PersonMenu>
          )}
        </div>
      )}
      {callStatsOpen.value && shown && <TileStats tile={tile} />}
    </div>
  );
}

function TileStats({ tile }: { tile: TileModel }) {
  const stats = callStats.value?.tracks ?? [];
  const rows = tile.self
    ? stats.filter((s) => s.direction === 'out' && s.source === tile.source).sort((a, b) => 'qhf'.indexOf(a.rid) - 'qhf'.indexOf(b.rid))
    : stats.filter((s) => s.direction === 'in' && s.key === tile.track?.trackId);
  if (rows.length === 0) return null;
  const layer = tile.track?.current;
  return (
    <div class="tile-stats" aria-hidden="true">
      {rows.map((s) => (
        <div key={s.key}>
          {s.rid && `${s.rid} `}
          {s.width}×{s.height} · {Math.round(s.fps)}/s · {Math.round(s.kbps)} kbit/s
          {layer !== null && layer !== undefined && ` · L${layer}`}
          {s.codec && ` · ${s.codec}`}
        </div>
      ))}
    </div>
  );
}

function sameStream(a: MediaStream | null, b: MediaStream | null): boolean {
  return (a?.getTracks()[0] ?? null) === (b?.getTracks()[0] ?? null);
}
