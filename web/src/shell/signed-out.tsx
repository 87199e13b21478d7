import { KeyRound, Unplug } from 'lucide-react';
import type { ReactNode } from 'react';
import { ErrorNote, type NamedError } from '../ui/basics.tsx';

export function SignedOut() {
  return (
    <Centered icon={<KeyRound size={22} aria-hidden className="text-accent" />} title="Sign in to Holdfast">
      <p className="text-muted">
        This page opens with a one-time link. On the machine where Holdfast runs, type this in a terminal and open the
        link that it prints:
      </p>
      <Command text="holdfast dashboard" />
      <p className="text-muted">
        Links work once and for a short time. If you opened this page from an old link, ask for a new one.
      </p>
    </Centered>
  );
}

export function Unreachable({ error }: { error: NamedError }) {
  return (
    <Centered icon={<Unplug size={22} aria-hidden className="text-accent" />} title="Holdfast does not answer">
      <ErrorNote error={error} />
      <p role="status" className="text-muted">
        Trying again every few seconds. To start it:
      </p>
      <Command text="holdfast start" />
    </Centered>
  );
}

function Command({ text }: { text: string }) {
  return <code className="block rounded-md border border-line bg-raised px-3 py-2 font-mono text-[13px]">{text}</code>;
}

function Centered({ icon, title, children }: { icon: ReactNode; title: string; children: ReactNode }) {
  return (
    <main className="grid min-h-dvh place-items-center p-4">
      <div className="card flex w-full max-w-md flex-col gap-3.5 p-6 shadow-card">
        <div className="flex items-center gap-2.5">
          {icon}
          <h1 className="text-base font-semibold">{title}</h1>
        </div>
        {children}
      </div>
    </main>
  );
}
