/** What a line of the channel says, in the words of the catalogue. */
import type { Message } from '../../sdk/index';
import { t } from './texts';

/** `by` is empty where the directory did it. */
export function systemText(line: Message['system'], by: string): string {
  if (!line) return '';
  const names = line.users.map((one) => one.name || t.someone);
  const who = t.system.people(names, Math.max(0, line.count - names.length));
  switch (line.event) {
    case 'joined':
      return t.system.joined(who, line.count);
    case 'added':
      return t.system.added(by || t.someone, who);
    case 'left':
      return t.system.left(who, line.count);
    case 'removed':
      return t.system.removed(by || t.someone, who);
    case 'renamed':
      return t.system.renamed(by, line.from, line.to);
    case 'topic':
      return line.topic ? t.system.topic(by, line.topic) : t.system.noTopic(by);
    case 'archived':
      return t.system.archived(by);
    case 'restored':
      return t.system.restored(by);
    default:
      return '';
  }
}
