import { list, plural } from './words';

export const network = {
  network: {
    slow: 'Your internet is slow. We lowered the incoming video to keep sound clear.',
    stopVideo: 'Stop incoming video',
    starved: 'Sound only for now. Video returns when it improves.',
    busy: 'This computer is busy. Others may see your picture stutter.',
    smaller: 'Make my video small',
    weak: (name: string) => `${name}’s connection is weak`,
  },

  saver: {
    title: 'Save data',
    small: 'Send my video small',
    cameras: 'Show no cameras of others',
    screens: 'Show no shared screens',
    smallOn: 'Your video is sent small',
    held: 'Not shown, to save data',
  },

  comings: {
    switch: 'Tell me when people join or leave, in calls of up to 8',
    came: (names: string[], more: number) => (more > 0 ? `${names.join(', ')} and ${plural(more, '# more', '# more')} joined` : `${list.format(names)} joined`),
    went: (names: string[], more: number) => (more > 0 ? `${names.join(', ')} and ${plural(more, '# more', '# more')} left` : `${list.format(names)} left`),
  },

  pip: {
    open: 'Small window',
    close: 'Close the small window',
    title: 'Call',
    back: 'Back to call',
    opened: 'The call is in a small window too',
    closed: 'The small window is closed',
    failed: 'The small window did not open.',
    nobody: 'The small window needs somebody’s picture, and nobody’s camera is on.',
    automatic: 'Open the small window when I look at another tab',
    micOn: 'Microphone on',
    micOff: 'Microphone off',
  },
} as const;
