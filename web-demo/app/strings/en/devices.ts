import { codes } from './words';

export const devices = {
  devices: {
    title: 'Sound and camera',
    open: 'Sound and camera settings',
    ring: 'Ring on',
    ringTest: 'Test',
    lost: (label: string, now: string) => (now ? `${label} disconnected. Now using ${now}.` : `${label} disconnected.`),
    returned: (label: string) => `${label} is back and in use.`,
    substituted: (now: string) => `The device you picked is not connected. Now using ${now}.`,
    offered: (label: string) => `${label} is connected.`,
    use: 'Use it',
    change: 'Change',
    unknown: { mic: 'The microphone', camera: 'The camera', speaker: 'The speaker' },
    defaultSpeaker: 'the system’s speaker',
    phoneSpeaker: 'Your phone or browser chooses the speaker.',
    talking: 'When I am heard',
    talkModes: { open: 'While the microphone is on', hold: 'Only while I hold a key' },
    talkKey: 'Key to hold',
    talkKeySet: 'Press a key…',
    talkHint: 'A web page cannot hear keys while another app is in front.',
    release: 'Close the microphone while I am muted',
    releaseHint: 'The light of the system goes out. Unmuting takes a moment longer.',
    talkNotice: 'Tell me when I talk while muted',
    keys: codes({ Space: 'Space' }),
  },

  permission: {
    allow: { mic: 'Allow microphone', camera: 'Allow camera' },
    notAsked: {
      mic: 'Your browser will ask for the microphone at the top of the window. Choose “Allow”.',
      camera: 'Your browser will ask for the camera at the top of the window. Choose “Allow”.',
    },
    picture: 'Allow',
    denied: {
      chrome: {
        mic: 'The microphone is blocked. Click the icon left of the address, set Microphone to Allow.',
        camera: 'The camera is blocked. Click the icon left of the address, set Camera to Allow.',
      },
      firefox: {
        mic: 'The microphone is blocked. Click the crossed microphone in the address bar, remove Blocked. Next time tick “Remember”.',
        camera: 'The camera is blocked. Click the crossed camera in the address bar, remove Blocked. Next time tick “Remember”.',
      },
      safari: {
        mic: 'The microphone is blocked. Open aA or the page menu, Website Settings, and set Microphone to Allow. If it still is, look in the system’s settings under Safari.',
        camera: 'The camera is blocked. Open aA or the page menu, Website Settings, and set Camera to Allow. If it still is, look in the system’s settings under Safari.',
      },
    },
    reload: 'Reload',
    dismissed: {
      mic: 'The question was closed without an answer. Press the button and choose “Allow”.',
      camera: 'The question was closed without an answer. Press the button and choose “Allow”.',
    },
    system: {
      mac: {
        mic: 'macOS blocks the microphone. Open System Settings, Privacy & Security, Microphone, and allow your browser. Then restart the browser.',
        camera: 'macOS blocks the camera. Open System Settings, Privacy & Security, Camera, and allow your browser. Then restart the browser.',
      },
      windows: {
        mic: 'Windows blocks the microphone. Open Settings, Privacy & security, Microphone, and allow desktop apps.',
        camera: 'Windows blocks the camera. Open Settings, Privacy & security, Camera, and allow desktop apps.',
      },
      other: {
        mic: 'Your system blocks the microphone. Allow your browser in the privacy settings of the system.',
        camera: 'Your system blocks the camera. Allow your browser in the privacy settings of the system.',
      },
    },
    missing: { mic: 'No microphone found. You can still join and listen.', camera: 'No camera found. You can still join.' },
    busy: {
      mic: 'Another app is using your microphone. Close it, then try again.',
      camera: 'Another app is using your camera. Close it, then try again.',
    },
    gone: { mic: 'The microphone you picked is not connected.', camera: 'The camera you picked is not connected.' },
    unsupported: {
      mic: 'This browser gives no access to microphones here. A secure (https) address is needed.',
      camera: 'This browser gives no access to cameras here. A secure (https) address is needed.',
    },
    unknown: { mic: 'The microphone did not start.', camera: 'The camera did not start.' },
  },
} as const;
