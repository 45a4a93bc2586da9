/**
 * The call in a small window that stays above others: a page of its own where the browser has that, elsewhere the picture
 * of who speaks. It is opened by a click; it closes with the call.
 */
import { computed, effect } from '@preact/signals';
import { announce } from '../a11y/announcer';
import { tilesByKey, tiles, dominant, received, type TileModel } from '../call/call-state';
import { aside } from '../call/seating';
import { convene } from '../client';
import { toast } from '../intents';
import { call, pipOpen } from '../store';
import { t } from '../strings';
import { documentPip, pipWay } from './way';

const SIZE = { width: 340, height: 260 };
/** What is asked for when only the picture is shown: its window tells nobody its size. */
const PICTURE_HEIGHT = 360;

/** Who is in it: who has the floor, else the first of the others, else I. */
export const pipTile = computed<TileModel | null>(() => {
  const all = tiles.value.filter((tile) => tile.source === 'camera');
  return tilesByKey.value.get(`${dominant.value ?? ''}/camera`) ?? all.find((tile) => !tile.self) ?? all[0] ?? null;
});

export const streamOf = (tile: TileModel): MediaStream | null =>
  tile.self ? tile.own && new MediaStream([tile.own]) : tile.track && !tile.track.muted ? convene.call.streamOf(tile.track.trackId) : null;

let close = (): void => {};

export async function togglePip(): Promise<void> {
  if (pipOpen.peek()) return close();
  try {
    await (pipWay() === 'document' ? openDocument() : openPicture());
  } catch (error) {
    console.warn('convene: no small window', error instanceof Error ? error.message : error);
    toast(error instanceof NobodySeen ? t.pip.nobody : t.pip.failed, 'error');
  }
}

function opened(how: () => void): void {
  close = how;
  pipOpen.value = true;
  announce(t.pip.opened);
}

function closed(): void {
  if (!pipOpen.peek()) return;
  close = () => {};
  pipOpen.value = false;
  aside.value = null;
  announce(t.pip.closed);
}

async function openDocument(): Promise<void> {
  const win = await documentPip()?.requestWindow(SIZE);
  if (!win) return;
  let unmount = () => {};
  win.addEventListener('pagehide', () => {
    closed();
    unmount();
  }, { once: true });
  opened(() => win.close());
  const { mountPip } = await import('./pip-view');
  if (!win.closed) unmount = mountPip(win);
}

/* Only a picture */

class NobodySeen extends Error {}

/** Set up before the click: browsers take only an element whose picture they know already. */
let picture: HTMLVideoElement | null = null;

async function openPicture(): Promise<void> {
  if (!picture?.srcObject) throw new NobodySeen('no picture');
  await picture.requestPictureInPicture();
  opened(() => void document.exitPictureInPicture().catch(() => {}));
}

function makePicture(): HTMLVideoElement {
  const element = document.createElement('video');
  element.className = 'pip-source';
  element.muted = true;
  element.autoplay = true;
  element.playsInline = true;
  element.ariaHidden = 'true';
  element.tabIndex = -1;
  element.addEventListener('leavepictureinpicture', closed);
  document.body.append(element);
  return element;
}

function followPicture(): void {
  const tile = pipTile.value;
  void received.value;
  if (call.value.phase === 'idle') {
    picture?.remove();
    picture = null;
    return;
  }
  picture ??= makePicture();
  const next = tile && streamOf(tile);
  if (pipOpen.value) aside.value = tile && { key: tile.key, height: PICTURE_HEIGHT };
  const before = (picture.srcObject as MediaStream | null)?.getTracks()[0];
  // Who has no camera on leaves the picture of before: without one the window would close.
  if (!next || next.getTracks()[0] === before) return;
  picture.srcObject = next;
  void picture.play().catch(() => {});
}

effect(() => {
  if (call.value.phase === 'idle') close();
});
if (pipWay() === 'video') effect(followPicture);
