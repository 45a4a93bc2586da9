/** What a change of the connected devices means for the one in use. Pure; one call per kind of device. */
export interface Connected {
  deviceId: string;
  label: string;
}

export interface DeviceFacts<Device extends Connected = Connected> {
  /** What is connected now, and what was at the last look; `null` before the first. */
  list: readonly Device[];
  before: readonly Device[] | null;
  /** The one somebody picked by hand; '' for whatever the system offers. */
  chosen: string;
  /** The one in use, as its live track says; '' while none is. */
  current: string;
}

export type DeviceVerdict<Device extends Connected = Connected> =
  /** The one in use is gone. */
  | { kind: 'lost'; label: string }
  /** The one that was picked is back: use it again. */
  | { kind: 'back'; device: Device }
  /** Somebody plugged something in: say so, and change nothing. */
  | { kind: 'new'; device: Device };

/** Chromium's names for "whatever the system says", each a double of a real device. */
const isAlias = (id: string): boolean => id === '' || id === 'default' || id === 'communications';

export function verdictOf<Device extends Connected>(facts: DeviceFacts<Device>): DeviceVerdict<Device> | null {
  const { list, before, chosen, current } = facts;
  if (before === null || current === '') return null;
  const had = (id: string) => before.some((d) => d.deviceId === id);
  const back = list.find((d) => d.deviceId === chosen);
  if (back && chosen !== current && !had(chosen)) return { kind: 'back', device: back };
  const lost = before.find((d) => d.deviceId === current);
  if (lost && !list.some((d) => d.deviceId === current)) return { kind: 'lost', label: lost.label };
  const added = list.find((d) => d.label !== '' && !isAlias(d.deviceId) && d.deviceId !== current && !had(d.deviceId));
  // Labels come with the first permission: then everything looks new.
  const named = before.some((d) => d.label !== '');
  return added && named ? { kind: 'new', device: added } : null;
}
