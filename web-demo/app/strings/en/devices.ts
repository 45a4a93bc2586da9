import { codes, decimal, number } from './words';

export const devices = {
  netTest: {
    title: 'Connection test',
    intro: 'Checks what a call needs: the server, your devices, and each way your network lets sound and pictures through. It takes about ten seconds and calls nobody.',
    start: 'Start',
    running: 'Testing…',
    again: 'Test again',
    copy: 'Copy report',
    copied: 'The report is in your clipboard. It holds no names and no addresses.',
    notCopied: 'The report could not be copied. Your browser did not allow it.',
    steps: {
      signalling: { name: 'Server', hint: 'Chat, ringing and the start of calls' },
      microphone: { name: 'Microphone', hint: 'May this page use it, and does it hear something?' },
      camera: { name: 'Camera', hint: 'May this page use it?' },
      speaker: { name: 'Speaker', hint: 'Two notes are played' },
      udp: { name: 'Call, direct', hint: 'UDP: the best way' },
      tcp: { name: 'Call over TCP', hint: 'For networks that block UDP' },
      turn: { name: 'Call through a relay', hint: 'For networks that allow little else than web pages' },
      upload: { name: 'Upload', hint: 'What you can send on the best way' },
    },
    states: { waiting: 'Not tested', running: 'Testing…', ok: 'Works', weak: 'Not well', failed: 'Does not work', skipped: 'Not offered' },
    numbers: (rttMs: number, loss?: number) =>
      loss === undefined ? `${number(Math.round(rttMs))} ms` : `${number(Math.round(rttMs))} ms, ${decimal(loss * 100, loss > 0 && loss < 0.1 ? 1 : 0)} % lost`,
    megabits: (n: string) => `${n} Mbit/s`,
    lost: (n: string) => `${n} % lost`,
    silent: 'Opened, but nothing is heard',
    played: 'Played',
    heard: 'Did you hear two notes?',
    heardYes: 'Yes',
    heardNo: 'No',
    verdicts: {
      good: { title: 'Calls will work well', advice: 'Sound and pictures take the direct way.' },
      weak: {
        title: 'Calls will work, with gaps',
        advice: 'The connection is slow or loses packets, on the way to the server or back. Move closer to your router, use a cable, or stop big downloads.',
      },
      tcp: {
        title: 'Calls will work, a little slower',
        advice: 'Your network blocks UDP, so calls use TCP. That is fine on a good connection. If calls stutter, ask whoever runs your network to allow UDP to this server.',
      },
      relay: {
        title: 'Calls will work through a relay',
        advice: 'Your network allows neither UDP nor the direct TCP port. Calls take a detour. If they stutter, ask whoever runs your network to allow UDP to this server.',
      },
      blocked: {
        title: 'Calls will not work here',
        advice: 'Chat works, but your network lets no sound and no pictures through. Try another network, such as a phone hotspot, or send the report to whoever runs your network.',
      },
      offline: { title: 'The server cannot be reached', advice: 'Check your internet connection, then test again.' },
    },
    deviceAdvice: {
      microphone: 'The microphone could not be opened. Allow it in the address bar of your browser, and check that it is plugged in and no other program holds it.',
      silent: 'The microphone opens, but nothing is heard. Check that it is not muted on itself or in the system, and that the right one is chosen.',
      speaker: 'You did not hear the notes, or they could not be played. Check the volume of the system, and which speaker is chosen there.',
      camera: 'The camera could not be opened. Allow it in the address bar of your browser, and check that it is plugged in and no other program holds it.',
    },
  },

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
