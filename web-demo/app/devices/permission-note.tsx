import { Mic, Video } from 'lucide';
import type { DeviceProblem } from '../../sdk/index';
import { t } from '../strings';
import { Button } from '../ui/button';
import { Icon } from '../ui/icon';
import { allow } from './acts';
import { permissionRow, surroundings } from './permission-text';
import '../styles/devices.css';

/** What happened, what still works, one action. */
export function PermissionNote({ problem, kind }: { problem: DeviceProblem | null; kind: 'mic' | 'camera' }) {
  if (!problem) return null;
  const { text, action, calm, picture } = permissionRow(problem, kind, surroundings());
  return (
    <div class={calm ? 'note permission' : 'note note-warn permission'} role="status" data-testid={`permission-${kind}`} data-problem={problem}>
      {picture && <PromptPicture kind={kind} />}
      <span class="permission-text">{text}</span>
      {action && (
        <Button
          kind={action.kind === 'allow' ? 'primary' : 'plain'}
          testid={`allow-${kind}`}
          onClick={() => (action.kind === 'reload' ? location.reload() : allow(kind))}
        >
          {action.label}
        </Button>
      )}
    </div>
  );
}

/** A window with a question at the top: where to look. */
function PromptPicture({ kind }: { kind: 'mic' | 'camera' }) {
  return (
    <span class="prompt-picture" aria-hidden="true">
      <span class="prompt-picture-bar" />
      <span class="prompt-picture-box">
        <Icon node={kind === 'mic' ? Mic : Video} size={12} />
        <span>{t.permission.picture}</span>
      </span>
    </span>
  );
}
