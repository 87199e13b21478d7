import {
  Activity,
  BadgeCheck,
  Bot,
  FlaskConical,
  Gauge,
  KeyRound,
  ListChecks,
  MessageSquare,
  Monitor,
  Moon,
  Network,
  ShieldCheck,
  Sun,
  Users,
  Wallet,
  WifiOff,
} from 'lucide-react';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { useApp, useSession, useStatus } from '../app-context.tsx';
import { ApprovalsButton } from '../chat/approvals-button.tsx';
import { usePendingApprovals } from '../chat/use-pending-approvals.ts';
import { FreezeButton, FrozenBanner } from '../freeze/freeze-button.tsx';
import { Link, type Route, usePath } from '../router.tsx';
import { IconButton } from '../ui/basics.tsx';
import { Shortcuts } from './shortcuts.tsx';
import { chooseTheme, currentTheme, nextTheme } from './theme.ts';

const PAGES = [
  { page: 'chat', path: '/', name: 'Chat', icon: MessageSquare },
  { page: 'agents', path: '/agents', name: 'Agents', icon: Bot },
  { page: 'teams', path: '/teams', name: 'Teams', icon: Network },
  { page: 'runs', path: '/runs', name: 'Runs', icon: Activity },
  { page: 'work', path: '/work', name: 'Work', icon: ListChecks },
  { page: 'budget', path: '/budget', name: 'Budget', icon: Wallet },
  { page: 'credentials', path: '/credentials', name: 'Credentials', icon: KeyRound },
  { page: 'policy', path: '/policy', name: 'Policy', icon: ShieldCheck },
  { page: 'consent', path: '/consent', name: 'Allowed', icon: BadgeCheck },
  { page: 'people', path: '/people', name: 'People', icon: Users },
  { page: 'status', path: '/status', name: 'Status', icon: Gauge },
] as const;

/** The page of the navigation that a route belongs to. */
function pageOf({ page }: Route): Route['page'] {
  if (page === 'run') return 'runs';
  if (page === 'agent') return 'agents';
  return page === 'audit' ? 'people' : page;
}

/** The frame around every page: navigation at the side, at the bottom on a phone. */
export function Shell({ route, children }: { route: Route; children: ReactNode }) {
  const main = useRef<HTMLElement>(null);
  const page = pageOf(route);
  const path = usePath();
  const first = useRef(path);
  const waiting = usePendingApprovals().length;
  useEffect(() => {
    const mark = waiting > 0 ? `(${waiting}) ` : '';
    document.title = `${mark}${PAGES.find((entry) => entry.page === page)?.name ?? 'Not found'} · Holdfast`;
  }, [page, waiting]);
  useEffect(() => {
    if (path !== first.current && page !== 'chat') main.current?.focus();
    first.current = path;
  }, [path, page]);
  return (
    <div className="grid h-dvh grid-cols-[minmax(0,1fr)] grid-rows-[auto_auto_minmax(0,1fr)_auto] md:grid-cols-[13rem_minmax(0,1fr)] md:grid-rows-[auto_minmax(0,1fr)]">
      <a
        href="#main"
        className="absolute -top-12 left-2 z-20 rounded-md bg-accent px-3 py-1.5 text-accent-text focus:top-2"
      >
        Skip to content
      </a>
      <header className="flex items-center justify-between border-b border-line bg-surface px-3 py-1.5 md:col-start-1 md:row-span-2 md:flex-col md:items-stretch md:justify-start md:gap-1 md:border-r md:border-b-0 md:p-3">
        <Link href="/" className="flex items-center gap-2.5 rounded-md px-1 py-1 md:mb-4 md:px-2">
          <Mark />
          <span className="text-[15px] font-semibold tracking-tight">Holdfast</span>
        </Link>
        <nav aria-label="Pages" className="hidden flex-col gap-0.5 md:flex">
          <NavLinks current={page} />
        </nav>
        <div className="flex items-center gap-1 md:mt-auto md:flex-wrap md:justify-between">
          <Connection />
          <div className="flex items-center gap-1 md:w-full md:justify-between">
            <ApprovalsButton />
            <FreezeButton />
            <ThemeButton />
          </div>
        </div>
      </header>
      <div className="min-w-0 md:col-start-2 md:row-start-1">
        <FrozenBanner />
        <SimulatorBanner />
      </div>
      <main id="main" ref={main} tabIndex={-1} className="min-h-0 min-w-0 md:col-start-2 md:row-start-2">
        {children}
      </main>
      <nav
        aria-label="Pages"
        className="flex overflow-x-auto border-t border-line bg-surface pb-[env(safe-area-inset-bottom)] md:hidden"
      >
        <NavLinks current={page} />
      </nav>
      <Shortcuts />
    </div>
  );
}

function NavLinks({ current }: { current: string }) {
  const role = useSession()?.role;
  return PAGES.filter(({ page }) => maySee(role, page)).map(({ page, path, name, icon: Icon }) => (
    <Link
      key={page}
      href={path}
      aria-current={current === page ? 'page' : undefined}
      className="flex items-center gap-2.5 rounded-md px-2 py-1.5 font-medium text-muted transition-colors hover:bg-hover hover:text-text aria-[current=page]:bg-raised aria-[current=page]:text-text max-md:min-w-14 max-md:shrink-0 max-md:grow max-md:flex-col max-md:gap-0.5 max-md:rounded-none max-md:px-1 max-md:text-[11px] max-md:aria-[current=page]:bg-transparent max-md:aria-[current=page]:text-accent"
    >
      <Icon size={17} aria-hidden />
      {name}
    </Link>
  ));
}

/** What a role would only be refused on is not offered to it. */
/** Pages whose routes are for those who manage. */
const MANAGED = ['budget', 'credentials', 'policy', 'consent', 'work'];

function maySee(role: string | undefined, page: string): boolean {
  if (role === 'member') return !MANAGED.includes(page);
  return role !== 'viewer' || page === 'chat' || page === 'agents' || page === 'runs' || page === 'status';
}

function Mark() {
  return (
    <svg viewBox="0 0 32 32" className="size-6" aria-hidden>
      <rect width="32" height="32" rx="8" className="fill-accent" />
      <path d="M10 7v18M22 7v18M10 16h12" className="stroke-accent-text" strokeWidth="3.4" strokeLinecap="round" />
    </svg>
  );
}

/** Appears only after a moment without a connection: a blink is not worth a reader's eye. */
function Connection() {
  const { connection } = useApp();
  const [late, setLate] = useState(false);
  useEffect(() => {
    setLate(false);
    if (connection !== 'reconnecting') return;
    const timer = window.setTimeout(() => setLate(true), 800);
    return () => window.clearTimeout(timer);
  }, [connection]);
  return (
    <p role="status" className="flex items-center gap-1.5 px-1 text-xs text-muted md:px-2">
      {late && (
        <>
          <WifiOff size={14} aria-hidden /> Reconnecting…
        </>
      )}
    </p>
  );
}

function ThemeButton() {
  const [theme, setTheme] = useState(currentTheme);
  const next = nextTheme(theme);
  return (
    <IconButton
      icon={{ system: Monitor, light: Sun, dark: Moon }[theme]}
      label={`Theme: ${theme}. Change to ${next}`}
      onClick={() => {
        chooseTheme(next);
        setTheme(next);
      }}
    />
  );
}

function SimulatorBanner() {
  const status = useStatus();
  if (!status?.simulated) return null;
  return (
    <p className="flex items-center justify-center gap-2 border-b border-line bg-warn-soft px-4 py-1.5 text-center text-[13px] text-warn">
      <FlaskConical size={15} aria-hidden className="shrink-0 max-sm:hidden" />
      <span>
        <strong className="font-semibold">Simulator: scripted answers, no AI.</strong> Connect a provider:{' '}
        <code className="font-mono whitespace-nowrap">holdfast setup</code>
      </span>
    </p>
  );
}
