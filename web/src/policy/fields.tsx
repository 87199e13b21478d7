import type { ReactNode } from 'react';

export const FIELD = 'h-8 w-full rounded-md border border-line-strong bg-surface px-3 text-text placeholder:text-faint';
export const AREA =
  'w-full rounded-md border border-line-strong bg-surface px-3 py-2 font-mono text-xs text-text placeholder:text-faint';

export function Labelled({ text, children }: { text: string; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the control is the child
    <label className="flex min-w-0 flex-col gap-1 text-[13px] text-muted">
      {text}
      {children}
    </label>
  );
}
