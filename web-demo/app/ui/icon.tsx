/** Lucide icons as Preact nodes. Always decoration: the control beside it carries the name. */
import { h } from 'preact';
import type { IconNode } from 'lucide';

export function Icon({ node, size = 20, class: cls = '' }: { node: IconNode; size?: number; class?: string }) {
  return (
    <svg
      class={`icon ${cls}`}
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="2"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      {node.map(([tag, attrs]) => h(tag, attrs))}
    </svg>
  );
}

export function Logo({ size = 32 }: { size?: number }) {
  return (
    <svg class="logo" width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="9" fill="var(--logo)" />
      <path d="M21.7 11.6A7.2 7.2 0 1 0 21.7 20.4" fill="none" stroke="#fff" stroke-width="3" stroke-linecap="round" />
      <circle cx="22.3" cy="16" r="2.3" fill="#fff" />
    </svg>
  );
}
