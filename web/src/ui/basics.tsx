import { ChevronRight, CircleAlert, type LucideIcon } from 'lucide-react';
import type { ButtonHTMLAttributes, CSSProperties, ReactNode } from 'react';

/** The small parts every page is made of. */
const BUTTONS = {
  primary: 'bg-accent text-accent-text hover:bg-accent-hover border-transparent',
  plain: 'bg-surface text-text hover:bg-hover border-line-strong',
  quiet: 'bg-transparent text-muted hover:bg-hover hover:text-text border-transparent',
  danger: 'bg-surface text-danger hover:bg-danger-soft border-line-strong',
};

export function Button({
  look = 'plain',
  className = '',
  ...rest
}: ButtonHTMLAttributes<HTMLButtonElement> & { look?: keyof typeof BUTTONS }) {
  return (
    <button
      type="button"
      className={`inline-flex h-8 items-center justify-center gap-1.5 rounded-md border px-3 text-[13px] font-medium whitespace-nowrap transition-colors disabled:opacity-55 ${BUTTONS[look]} ${className}`}
      {...rest}
    />
  );
}

export function IconButton({
  icon: Icon,
  label,
  className = '',
  ...rest
}: { icon: LucideIcon; label: string } & ButtonHTMLAttributes<HTMLButtonElement>) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      className={`inline-flex size-9 shrink-0 items-center justify-center rounded-md text-muted transition-colors hover:bg-hover hover:text-text ${className}`}
      {...rest}
    >
      <Icon size={17} aria-hidden />
    </button>
  );
}

const TONES = {
  neutral: 'bg-raised text-muted',
  accent: 'bg-accent-soft text-accent',
  ok: 'bg-ok-soft text-ok',
  warn: 'bg-warn-soft text-warn',
  danger: 'bg-danger-soft text-danger',
};
export type Tone = keyof typeof TONES;

export function Badge({ tone = 'neutral', title, children }: { tone?: Tone; title?: string; children: ReactNode }) {
  return (
    <span
      title={title}
      className={`inline-flex shrink-0 items-center gap-1 rounded-full px-2 py-px text-[11.5px] font-medium whitespace-nowrap ${TONES[tone]}`}
    >
      {children}
    </span>
  );
}

export function Skeleton({ className }: { className: string }) {
  return <div aria-hidden className={`skeleton ${className}`} />;
}

export function SkeletonRows({ rows = 4 }: { rows?: number }) {
  return (
    <div role="status" aria-label="Loading" className="flex flex-col gap-2.5">
      {Array.from({ length: rows }, (_, row) => `row-${row}`).map((key) => (
        <Skeleton key={key} className="h-14" />
      ))}
    </div>
  );
}

export function Empty({ icon: Icon, title, children }: { icon: LucideIcon; title: string; children?: ReactNode }) {
  return (
    <div className="flex flex-col items-center gap-2 px-6 py-14 text-center">
      <Icon size={26} aria-hidden className="text-faint" />
      <p className="font-medium">{title}</p>
      {children !== undefined && <div className="max-w-md text-muted">{children}</div>}
    </div>
  );
}

export interface NamedError {
  readonly code?: string | undefined;
  readonly message: string;
  readonly remedy?: string | undefined;
}

/** Every failure on a screen looks like this: what happened, its code, what to do. */
export function ErrorNote({ error, children }: { error: NamedError; children?: ReactNode }) {
  // Somebody wanted it so: no alarm.
  if (error.code === 'cancelled') return <p className="text-[13px] text-muted">{error.message}</p>;
  return (
    <div role="alert" className="flex gap-2.5 rounded-lg bg-danger-soft px-3.5 py-2.5">
      <CircleAlert size={16} aria-hidden className="mt-0.5 shrink-0 text-danger" />
      <div className="min-w-0 wrap-anywhere">
        <p className="text-danger">
          {error.message}
          {error.code !== undefined && <code className="ml-2 font-mono text-xs opacity-90">{error.code}</code>}
        </p>
        {error.remedy !== undefined && <p className="text-text">{error.remedy}</p>}
        {children}
      </div>
    </div>
  );
}

export function toNamedError(thrown: unknown): NamedError {
  if (thrown instanceof Error) {
    const { code, remedy } = thrown as Error & { code?: string; remedy?: string };
    return { code, message: thrown.message, remedy };
  }
  return { message: String(thrown) };
}

export function PageTitle({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="mb-5 flex min-h-9 flex-wrap items-center justify-between gap-3">
      <h1 className="text-lg font-semibold tracking-tight">{title}</h1>
      {children}
    </div>
  );
}

export function Page({ children }: { children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a page without a link can be scrolled by keyboard only when it can be reached
    <div className="scroll h-full" tabIndex={0}>
      <div className="mx-auto w-full max-w-5xl px-4 py-6 sm:px-8">{children}</div>
    </div>
  );
}

export function Fold({
  summary,
  children,
  open,
  className = '',
}: {
  summary: ReactNode;
  children: ReactNode;
  open?: boolean;
  className?: string;
}) {
  return (
    <details open={open} className={className}>
      <summary className="flex min-h-7 items-center gap-1.5 rounded-md text-muted hover:text-text">
        <ChevronRight size={14} aria-hidden className="chevron shrink-0" />
        {summary}
      </summary>
      {children}
    </details>
  );
}

/** Preformatted text that scrolls instead of stretching the page; focusable, so that a keyboard can scroll it. */
export function Output({ text, label, tail = false }: { text: string; label: string; tail?: boolean }) {
  return (
    <section
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
      tabIndex={0}
      aria-label={label}
      className={`scroll max-h-72 overflow-auto rounded-md border border-line bg-raised px-3 py-2 ${tail ? 'flex flex-col-reverse' : ''}`}
    >
      <pre className="font-mono text-xs leading-relaxed wrap-anywhere whitespace-pre-wrap">{text}</pre>
    </section>
  );
}

/** CSS variables for one element. React sets them through the CSSOM, which the content security policy allows. */
export const variables = (values: Record<`--${string}`, string>): CSSProperties => values as CSSProperties;

export function Meter({ label, value, max, text }: { label: string; value: number; max: number | null; text: string }) {
  const share = max === null || max === 0 ? (max === 0 ? 1 : 0) : Math.min(1, value / max);
  const tone = share >= 1 ? 'bg-danger' : share >= 0.8 ? 'bg-warn' : 'bg-accent';
  return (
    <div>
      <div className="mb-1 flex justify-between gap-3 text-[13px]">
        <span className="text-muted">{label}</span>
        <span>{text}</span>
      </div>
      {/* biome-ignore lint/a11y/useSemanticElements: the native element cannot be styled alike in every browser */}
      <div
        role="meter"
        aria-label={`${label}: ${text}`}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(share * 100)}
        className="h-1.5 overflow-hidden rounded-full bg-hover"
      >
        <div className={`fill h-full rounded-full ${tone}`} style={variables({ '--width': `${share * 100}%` })} />
      </div>
    </div>
  );
}
