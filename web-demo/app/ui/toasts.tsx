import { X } from 'lucide';
import { dismissToast } from '../intents';
import { toasts } from '../store';
import { t } from '../strings';
import { IconButton } from './button';

export function Toasts() {
  return (
    <section class="toasts" aria-label={t.notices} data-testid="toasts">
      {toasts.value.map((toast) => (
        <div key={toast.id} class={`toast toast-${toast.tone}`}>
          <span>{toast.text}</span>
          {toast.action && (
            <button
              type="button"
              class="btn btn-quiet"
              onClick={() => {
                dismissToast(toast.id);
                toast.action?.run();
              }}
            >
              {toast.action.label}
            </button>
          )}
          <IconButton icon={X} size={16} label={t.close} onClick={() => dismissToast(toast.id)} />
        </div>
      ))}
    </section>
  );
}
