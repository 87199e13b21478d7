import { useEffect, useState } from 'react';
import { navigate } from '../router.tsx';
import { Dialog } from '../ui/dialog.tsx';

const PAGES: Record<string, { path: string; name: string }> = {
  c: { path: '/', name: 'Chat' },
  a: { path: '/agents', name: 'Agents' },
  r: { path: '/runs', name: 'Runs' },
  b: { path: '/budget', name: 'Budget' },
  p: { path: '/policy', name: 'Policy' },
  s: { path: '/status', name: 'Status' },
};
const GO_WITHIN_MS = 1_200;

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

/** `/` writes, `g` and a letter goes to a page, `?` shows this list, Esc leaves the field. */
export function Shortcuts() {
  const [help, setHelp] = useState(false);
  useEffect(() => {
    let goUntil = 0;
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
      if (isTyping(event.target)) {
        if (event.key === 'Escape') (event.target as HTMLElement).blur();
        return;
      }
      const page = Date.now() < goUntil ? PAGES[event.key] : undefined;
      goUntil = event.key === 'g' ? Date.now() + GO_WITHIN_MS : 0;
      if (page) navigate(page.path);
      else if (event.key === '/') document.querySelector<HTMLElement>('[data-composer]')?.focus();
      else if (event.key === '?') setHelp(true);
      else return;
      event.preventDefault();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  if (!help) return null;
  const rows = [
    ['/', 'Write a message'],
    ['Enter', 'Send'],
    ['Shift Enter', 'New line'],
    ...Object.entries(PAGES).map(([key, { name }]) => [`g ${key}`, `Go to ${name}`]),
    ['Esc', 'Close, or leave the field'],
    ['?', 'This list'],
  ];
  return (
    <Dialog title="Keyboard" onClose={() => setHelp(false)}>
      <dl className="grid grid-cols-[auto_1fr] items-center gap-x-6 gap-y-2">
        {rows.map(([keys, what]) => (
          <div key={keys} className="contents">
            <dt className="flex gap-1">
              {keys?.split(' ').map((key) => (
                <kbd key={key} className="rounded border border-line-strong bg-raised px-1.5 font-mono text-xs">
                  {key}
                </kbd>
              ))}
            </dt>
            <dd className="text-muted">{what}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
