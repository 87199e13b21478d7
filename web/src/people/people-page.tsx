import { useQuery, useQueryClient } from '@tanstack/react-query';
import { UserPlus } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import type { Invitation, PersonView } from '../../../src/protocol/people.ts';
import { useApp, useNow, useSession } from '../app-context.tsx';
import { formatAge } from '../format.ts';
import { Link } from '../router.tsx';
import {
  Badge,
  Button,
  ErrorNote,
  type NamedError,
  Page,
  PageTitle,
  SkeletonRows,
  toNamedError,
} from '../ui/basics.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { KeysCard } from './keys-card.tsx';
import { OnceDialog } from './once-dialog.tsx';
import type { GivenRole } from './people-api.ts';

/** Who uses this install, and the programs that do. */
export function PeoplePage() {
  const { api } = useApp();
  const role = useSession()?.role;
  const manages = role === 'owner' || role === 'admin';
  const people = useQuery({ queryKey: ['people'], queryFn: api.people.list, enabled: manages });
  return (
    <Page>
      <PageTitle title="People and keys">
        {manages && (
          <Link href="/audit" className="text-accent underline underline-offset-2">
            Audit
          </Link>
        )}
      </PageTitle>
      {manages && (
        <section aria-label="People" className="card mb-5 p-4">
          <h2 className="font-semibold">People</h2>
          <p className="mt-0.5 mb-3 text-[13px] text-muted">
            A member sees their own conversations and those shared with them; a viewer only what is shared. Admins see
            all.
          </p>
          <AddPerson mayMakeAdmins={role === 'owner'} />
          {people.isPending && <SkeletonRows rows={2} />}
          {people.error && <ErrorNote error={toNamedError(people.error)} />}
          <ul className="divide-y divide-line">
            {people.data?.map((person) => (
              <PersonRow key={person.id} person={person} mayMakeAdmins={role === 'owner'} />
            ))}
          </ul>
        </section>
      )}
      {role !== 'viewer' && <KeysCard />}
    </Page>
  );
}

function AddPerson({ mayMakeAdmins }: { mayMakeAdmins: boolean }) {
  const { api } = useApp();
  const queries = useQueryClient();
  const [name, setName] = useState('');
  const [role, setRole] = useState<GivenRole>('member');
  const [invitation, setInvitation] = useState<Invitation>();
  const [error, setError] = useState<NamedError>();
  const add = async (event: FormEvent) => {
    event.preventDefault();
    setError(undefined);
    try {
      const { id } = await api.people.add(name.trim(), role);
      setName('');
      setInvitation(await api.people.invite(id));
    } catch (thrown) {
      setError(toNamedError(thrown));
    }
    await queries.invalidateQueries({ queryKey: ['people'] });
  };
  return (
    <>
      <form className="mb-3 flex flex-wrap gap-2" onSubmit={(event) => void add(event)}>
        <input
          aria-label="Name of the person"
          placeholder="Name"
          required
          maxLength={64}
          value={name}
          onChange={(event) => setName(event.target.value)}
          className="h-8 min-w-0 flex-1 rounded-md border border-line-strong bg-surface px-3 placeholder:text-faint sm:max-w-72"
        />
        <RoleSelect label="Role" role={role} mayMakeAdmins={mayMakeAdmins} onChange={setRole} />
        <Button type="submit">
          <UserPlus size={14} aria-hidden /> Add
        </Button>
      </form>
      {error && <ErrorNote error={error} />}
      {invitation && (
        <OnceDialog
          title="Send this link"
          text="It signs one browser in as that person, once, within a day."
          secret={invitation.url}
          onClose={() => setInvitation(undefined)}
        />
      )}
    </>
  );
}

function PersonRow({ person, mayMakeAdmins }: { person: PersonView; mayMakeAdmins: boolean }) {
  const { api } = useApp();
  const queries = useQueryClient();
  const now = useNow(60_000);
  const [invitation, setInvitation] = useState<Invitation>();
  const [removing, setRemoving] = useState(false);
  const [error, setError] = useState<NamedError>();
  const attempt = async (action: () => Promise<unknown>) => {
    setError(undefined);
    await action().catch((thrown: unknown) => setError(toNamedError(thrown)));
    await queries.invalidateQueries({ queryKey: ['people'] });
  };
  const mine = person.role === 'owner' || (person.role === 'admin' && !mayMakeAdmins);
  return (
    <li className="flex flex-wrap items-center justify-between gap-x-3 gap-y-2 py-2.5">
      <span className="min-w-0">
        <span className="flex flex-wrap items-center gap-2 font-medium">
          <span className="truncate">{person.name}</span>
          <Badge tone={person.role === 'owner' ? 'accent' : 'neutral'}>{person.role}</Badge>
          {person.secondFactor && <Badge tone="ok">second factor</Badge>}
        </span>
        <span className="block text-xs text-muted wrap-anywhere">
          {person.lastSeenAt === null ? 'not seen yet' : `seen ${formatAge(person.lastSeenAt, now)}`}
          {person.addresses.length > 0 && ` · writes from ${person.addresses.join(', ')}`}
        </span>
      </span>
      {!mine && (
        <span className="flex flex-wrap gap-2">
          <RoleSelect
            label={`Role of ${person.name}`}
            role={person.role === 'owner' ? 'admin' : person.role}
            mayMakeAdmins={mayMakeAdmins}
            onChange={(role) => void attempt(() => api.people.changeRole(person.id, role))}
          />
          <Button onClick={() => void attempt(async () => setInvitation(await api.people.invite(person.id)))}>
            Invite
          </Button>
          <Button look="danger" aria-label={`Remove ${person.name}`} onClick={() => setRemoving(true)}>
            Remove
          </Button>
        </span>
      )}
      {error && <ErrorNote error={error} />}
      {invitation && (
        <OnceDialog
          title={`Send this link to ${person.name}`}
          text="It signs one browser in as that person, once, within a day."
          secret={invitation.url}
          onClose={() => setInvitation(undefined)}
        />
      )}
      {removing && (
        <Dialog title={`Remove ${person.name}?`} onClose={() => setRemoving(false)}>
          <p className="mb-4">
            Their logins, keys, codes and addresses end at once. What they did stays in the audit. This cannot be
            undone.
          </p>
          <div className="flex justify-end gap-2">
            <Button onClick={() => setRemoving(false)}>Keep</Button>
            <Button look="danger" onClick={() => void attempt(() => api.people.remove(person.id))}>
              Remove
            </Button>
          </div>
        </Dialog>
      )}
    </li>
  );
}

interface RoleSelectProps {
  readonly label: string;
  readonly role: GivenRole;
  readonly mayMakeAdmins: boolean;
  readonly onChange: (role: GivenRole) => void;
}

const ROLES: readonly GivenRole[] = ['admin', 'member', 'viewer'];

function RoleSelect({ label, role, mayMakeAdmins, onChange }: RoleSelectProps) {
  return (
    <select
      aria-label={label}
      value={role}
      onChange={(event) => onChange(ROLES.find((one) => one === event.target.value) ?? 'viewer')}
      className="h-8 rounded-md border border-line-strong bg-surface px-2 text-[13px]"
    >
      {ROLES.filter((one) => one !== 'admin' || mayMakeAdmins).map((one) => (
        <option key={one} value={one}>
          {one}
        </option>
      ))}
    </select>
  );
}
