import { Component } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { AudioLines, EllipsisVertical, Hand, MicOff, MonitorUp, Pin, PinOff, Signal } from 'lucide';
import { convene } from '../client';
import { pinTile } from './acts';
import { personItems } from '../moderation/person-menu';
import { saveCameras, saveScreens } from '../prefs';
import { call, callStats, nameOf, usersById } from '../store';
import { listed } from '../format';
import { t } from '../strings';
import { Avatar } from '../ui/avatar';
import { Boundary } from '../ui/boundary';
import { Icon } from '../ui/icon';
import { IconButton } from '../ui/button';
import { MenuButton, type MenuItem } from '../ui/menu';
import { callStatsOpen, received, type TileModel } from './call-state';
import { hostItems } from './host-items';
import { LayerSelect } from './layer-select';
import { place, type Rect } from './layout';
import { showSpeaking } from './speaking';

/** From this width on, controls leave room for the face. */
const TOOLS_WIDTH = 240;

interface Props {
  tile: TileModel;
  rect: Rect;
  main: boolean;
  pinned: boolean;
  /** Where Tab enters the stage; arrows go on from there. */
  tabStop: boolean;
}

/** Rendered again when something about this tile changed, not when something about another one did. */
export class Tile extends Component<Props> {
  override shouldComponentUpdate(next: Props): boolean {
    return (Object.keys(next) as (keyof Props)[]).some((name) => next[name] !== this.props[name]);
  }

  override render(props: Props) {
    return (
      <Boundary name="tile" fallback={<Plain {...props} />}>
        <View {...props} />
      </Boundary>
    );
  }
}

/** What is left of a tile that failed: a face without a picture. */
function Plain({ tile: { key, participant }, rect }: Props) {
  const name = nameOf(participant.userId, participant.name);
  return (
    <div class="tile" role="group" aria-label={name} tabIndex={-1} style={place(rect)} data-key={key}>
      <div class="tile-avatar">
        <Avatar id={participant.userId} name={name} size="xl" />
      </div>
    </div>
  );
}

function View({ tile, rect, main, pinned, tabStop }: Props) {
  const root = useRef<HTMLDivElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const { key, participant, self, source, track, own, muted, hand, grade } = tile;
  const name = nameOf(participant.userId, participant.name);
  const screen = source === 'screen';
  const trackId = track?.trackId;
  const { participantId } = participant;

  const shown = self ? own !== null : track !== null && !track.muted;
  // A track can be silent for its whole life here, if its camera went off before I came; and the
  // picture from before a pause is no picture of now.
  const [frames, setFrames] = useState(false);
  const picture = shown && (self || frames);
  const paused = !self && shown && track?.paused === true;
  const away = !self && participant.connection === 'interrupted';
  const unsupported = !self && shown && track?.unsupported === true;
  // The last picture stays, with a word to it; a picture that never came is a face all the same.
  const saved = !self && shown && (screen ? saveScreens : saveCameras).value === 'on';
  const weak = !self && !screen && grade === 'poor';
  const note = away ? t.call.reconnecting : unsupported ? t.call.unsupported : saved ? t.saver.held : paused ? t.call.paused : weak ? t.network.weak(name) : '';

  // The element stays, whoever it shows; only its source changes.
  useEffect(() => {
    const element = video.current;
    if (!element) return;
    const next = self ? own && new MediaStream([own]) : trackId ? convene.call.streamOf(trackId) : null;
    if (sameStream(element.srcObject as MediaStream | null, next)) return;
    element.srcObject = next;
    setFrames(false);
    if (next) void element.play().catch(() => {});
  }, [self, own, trackId, received.value, shown]);

  useEffect(() => {
    const element = video.current;
    if (!element || !shown || self || !('requestVideoFrameCallback' in element)) return;
    const id = element.requestVideoFrameCallback(() => setFrames(true));
    return () => {
      element.cancelVideoFrameCallback(id);
      setFrames(false);
    };
  }, [shown, self, trackId]);

  useLayoutEffect(() => (root.current && !screen ? showSpeaking(root.current, participantId) : undefined), [participantId, screen]);

  const roomy = rect.w >= TOOLS_WIDTH;
  const tabIndex = tabStop ? 0 : -1;
  const label = screen ? t.call.screenOf(name) : self ? t.call.yourTile(name) : name;
  const facts = [
    label,
    !screen && muted && t.call.tileMuted,
    !screen && !picture && t.call.tileCameraOff,
    !screen && participant.voiceState.screen && t.call.tileSharing,
    hand > 0 && t.hosting.tileHand(hand),
    paused && t.call.tileWeak,
    grade && grade !== 'good' && t.call.connection[grade],
    away && t.call.reconnecting,
  ].filter((fact) => typeof fact === 'string');

  const items = (): (MenuItem | false | undefined)[] => [
    { key: 'pin', label: pinned ? t.call.unpinTile(label) : t.call.pinTile(label), icon: pinned ? PinOff : Pin, run: () => pinTile(key) },
    ...(screen ? [] : hostItems(tile)),
    ...(self || screen ? [] : personItems({ userId: participant.userId, name, channelId: call.peek().channelId })),
  ];

  return (
    <div
      ref={root}
      class={`tile ${self ? 'tile-mirror' : ''} ${screen ? 'tile-screen' : ''} ${main ? 'tile-main' : ''}`}
      role="group"
      aria-label={listed(facts)}
      tabIndex={tabIndex}
      style={place(rect)}
      data-testid="tile"
      data-key={key}
      data-user={usersById.value.get(participant.userId)?.username ?? participant.userId}
      data-user-id={participant.userId}
      data-participant={participantId}
      data-source={source}
      data-self={self}
      data-muted={screen ? undefined : muted}
      data-video={picture}
      data-paused={paused}
      data-away={away}
      data-hand={hand || undefined}
      data-quality={grade ?? undefined}
      aria-keyshortcuts="Enter P Shift+F10"
      onDblClick={() => pinTile(key)}
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
        data-local={self ? 'camera' : undefined}
        aria-hidden="true"
        tabIndex={-1}
      />
      {note && (
        <span class="tile-note" data-testid="tile-note">
          {note}
        </span>
      )}
      {hand > 0 && (
        <span class="tile-hand" data-testid="tile-hand">
          <Icon node={Hand} size={16} />
          {hand}
        </span>
      )}
      <div class="tile-name">
        {screen ? (
          <Icon node={MonitorUp} size={15} />
        ) : muted ? (
          <Icon node={MicOff} size={15} class="tile-muted" />
        ) : (
          <Icon node={AudioLines} size={15} class="tile-bars" />
        )}
        <span dir="auto">{self && !roomy ? t.you : label}</span>
        {grade && (
          <span class={`tile-quality quality-${grade}`} title={t.call.connection[grade]} data-testid="tile-quality">
            <Icon node={Signal} size={14} />
          </span>
        )}
      </div>
      {/* A small tile is all picture, with one menu; the connection details choose its quality. */}
      <div class="tile-tools">
        {roomy && trackId && shown && (track?.layers ?? 1) > 1 && <LayerSelect trackId={trackId} name={name} tabIndex={tabIndex} />}
        {roomy && (
          <IconButton
            icon={pinned ? PinOff : Pin}
            size={16}
            label={t.call.pinTile(label)}
            aria-pressed={pinned}
            tabIndex={tabIndex}
            onClick={() => pinTile(key)}
            testid="tile-pin"
          />
        )}
        <MenuButton label={t.person.more(label)} class="icon-btn" testid="tile-menu" tabIndex={tabIndex} items={items}>
          <Icon node={EllipsisVertical} size={16} />
        </MenuButton>
      </div>
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
