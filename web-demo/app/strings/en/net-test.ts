import { outside } from './outside';
import { decimal, number } from './words';

export const netTest = {
  netTest: {
    ...outside.netTest,
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
} as const;
