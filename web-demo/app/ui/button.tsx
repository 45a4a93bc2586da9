import type { ButtonHTMLAttributes, ComponentChildren } from 'preact';
import type { IconNode } from 'lucide';
import { Icon } from './icon';

type ButtonProps = {
  kind?: 'primary' | 'plain' | 'quiet' | 'danger' | 'ok';
  icon?: IconNode;
  testid?: string | undefined;
  children?: ComponentChildren;
} & ButtonHTMLAttributes<HTMLButtonElement>;

export function Button({ kind = 'plain', icon, testid, children, class: cls = '', type = 'button', ...rest }: ButtonProps) {
  return (
    <button type={type} class={`btn btn-${kind} ${String(cls)}`} data-testid={testid} {...rest}>
      {icon && <Icon node={icon} size={18} />}
      {children}
    </button>
  );
}

type IconButtonProps = {
  icon: IconNode;
  label: string;
  testid?: string | undefined;
  size?: number;
} & Omit<ButtonHTMLAttributes<HTMLButtonElement>, 'label' | 'size'>;

/** A button without visible text; its label is also its tooltip. */
export function IconButton({ icon, label, testid, size = 20, class: cls = '', ...rest }: IconButtonProps) {
  return (
    <button type="button" class={`icon-btn ${String(cls)}`} aria-label={label} title={label} data-testid={testid} {...rest}>
      <Icon node={icon} size={size} />
    </button>
  );
}
