/** Choices that stay on this device. Storage may be refused; then they last as long as the page. */
import { effect, signal, type Signal } from '@preact/signals';

export function stored<T extends string>(name: string, fallback: T, allowed?: readonly T[]): Signal<T> {
  const key = `convene.${name}`;
  let initial = fallback;
  try {
    const value = localStorage.getItem(key) as T | null;
    if (value !== null && (!allowed || allowed.includes(value))) initial = value;
  } catch {
    // Private mode.
  }
  const s = signal(initial);
  effect(() => {
    try {
      if (s.value === fallback) localStorage.removeItem(key);
      else localStorage.setItem(key, s.value);
    } catch {
      // As above.
    }
  });
  return s;
}

export type Theme = 'system' | 'light' | 'dark';
export const theme = stored<Theme>('theme', 'system', ['system', 'light', 'dark']);
export const layoutMode = stored<'grid' | 'speaker'>('layout', 'grid', ['grid', 'speaker']);
/** At most so many people on one page of the grid. */
export const mostPerPage = stored<'25' | '49'>('mostPerPage', '25', ['25', '49']);
export const lastChannel = stored<string>('lastChannel', '');
/** What a guest called itself the last time. */
export const guestName = stored<string>('guestName', '');
export const lastUsername = stored<string>('username', '');
export const micDevice = stored<string>('mic', '');
export const cameraDevice = stored<string>('camera', '');
/** Whether my camera was on when I was in a call last; nothing before the first one. */
export const lastCamera = stored<'' | 'on' | 'off'>('lastCamera', '', ['', 'on', 'off']);
export const speakerDevice = stored<string>('speaker', '');
/** `on` stops incoming video after ten seconds in a hidden tab. */
export const pauseHidden = stored<'on' | 'off'>('pauseHidden', 'on', ['on', 'off']);

/** Of this browser; the browser has to allow them too. */
export const desktopNotices = stored<'on' | 'off'>('desktopNotices', 'on', ['on', 'off']);

/** Whether reactions to my messages are read out by a screen reader. */
export const readReactions = stored<'on' | 'off'>('readReactions', 'on', ['on', 'off']);

/** Whether reactions in calls are. */
export const readCallReactions = stored<'on' | 'off'>('readCallReactions', 'on', ['on', 'off']);

export function followTheme(): void {
  effect(() => {
    if (theme.value === 'system') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = theme.value;
  });
}

/* Microphone and sound */
export const ringDevice = stored<string>('ringOutput', '');
/** `hold`: heard only while a key is held. */
export const micMode = stored<'open' | 'hold'>('micMode', 'open', ['open', 'hold']);
/** `KeyboardEvent.code`: the place of the key, whatever is printed on it. */
export const talkKey = stored<string>('talkKey', 'Space');
export const releaseMic = stored<'on' | 'off'>('releaseMic', 'off', ['on', 'off']);
export const talkNotice = stored<'on' | 'off'>('talkNotice', 'on', ['on', 'off']);

/* Saving data: each on its own */
const SWITCH = ['on', 'off'] as const;
export const saveMine = stored<'on' | 'off'>('saveMine', 'off', SWITCH);
export const saveCameras = stored<'on' | 'off'>('saveCameras', 'off', SWITCH);
export const saveScreens = stored<'on' | 'off'>('saveScreens', 'off', SWITCH);

/** A sound and a line when somebody joins or leaves a small call. */
export const tellComings = stored<'on' | 'off'>('tellComings', 'on', SWITCH);
/** The small window opens by itself when another tab is looked at. */
export const autoPip = stored<'on' | 'off'>('autoPip', 'off', SWITCH);
