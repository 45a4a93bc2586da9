/**
 * Whether my microphone is heard: independent facts that never overwrite each other. Sending follows from all of them.
 */
export interface MicFacts {
  /** I want to be heard. */
  intent: boolean;
  /** A host muted me. It ends when I switch the microphone on again, or when the host takes it back at once. */
  moderated: boolean;
  /** There is an open device. */
  device: boolean;
  /** Nothing arrives from the others: what I do not know I send is not sent. */
  paused: boolean;
  /** What I wanted before I silenced everything; `null` while I hear. */
  beforeDeafen: boolean | null;
}

export type MicAct =
  | { kind: 'want'; on: boolean }
  | { kind: 'moderate'; on: boolean }
  | { kind: 'device'; ok: boolean }
  | { kind: 'pause'; on: boolean }
  | { kind: 'deafen'; on: boolean };

export const SILENT: MicFacts = { intent: false, moderated: false, device: false, paused: false, beforeDeafen: null };

/** What the microphone button shows: my own will and a host's, whatever the device and the network do. */
export const isOn = (f: MicFacts): boolean => f.intent && !f.moderated;
export const isSending = (f: MicFacts): boolean => isOn(f) && f.device && !f.paused;

export function after(f: MicFacts, act: MicAct): MicFacts {
  switch (act.kind) {
    case 'want':
      return { ...f, intent: act.on, moderated: act.on ? false : f.moderated };
    case 'moderate':
      // Undoing the silence must not undo the host's decision.
      return { ...f, moderated: act.on };
    case 'device':
      return { ...f, device: act.ok };
    case 'pause':
      return { ...f, paused: act.on };
    case 'deafen':
      if (act.on) return f.beforeDeafen === null ? { ...f, intent: false, beforeDeafen: f.intent } : f;
      // Who switched the microphone on in the meantime keeps it on.
      return f.beforeDeafen === null ? f : { ...f, intent: f.intent || f.beforeDeafen, beforeDeafen: null };
  }
}
