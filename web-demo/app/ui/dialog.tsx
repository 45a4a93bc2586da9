import { useId, useLayoutEffect, useRef } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import { X } from 'lucide';
import { t } from '../strings';
import { IconButton } from './button';

interface Props {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
  actions?: ComponentChildren;
  testid?: string;
}

/** A native modal dialog: focus trap, Escape and return of focus come from the browser. */
export function Dialog({ title, onClose, children, actions, testid }: Props) {
  const ref = useRef<HTMLDialogElement>(null);
  // One dialog can ask above another.
  const id = useId();
  // A layout effect: the clean-up of others runs after the element has gone and the browser has painted, and would take
  // the focus from what somebody is typing in by then.
  useLayoutEffect(() => {
    const opener = document.activeElement;
    const dialog = ref.current;
    if (dialog && !dialog.open) dialog.showModal();
    return () => {
      dialog?.close();
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
    };
  }, []);
  return (
    <dialog
      ref={ref}
      class="dialog"
      aria-labelledby={id}
      data-testid={testid}
      onCancel={(e) => {
        e.preventDefault();
        onClose();
      }}
      onClick={(e) => {
        if (e.target === ref.current) onClose();
      }}
    >
      <div class="dialog-body">
        <header class="dialog-head">
          <h2 id={id} dir="auto">{title}</h2>
          <IconButton icon={X} label={t.close} onClick={onClose} />
        </header>
        {children}
        {actions && <footer class="dialog-actions">{actions}</footer>}
      </div>
    </dialog>
  );
}
