import type { AgentRevision, CloneAgent, CreateAgent, EditAgent } from '../../../src/protocol/agent.ts';
import type { AgentSettings, PersonaFileView } from '../../../src/protocol/api.ts';
import type { EditTeam, PreviewTeam, TeamProposal, TeamTemplateView, TeamView } from '../../../src/protocol/team.ts';

/** Agents and teams over the API. Ids are typed as plain text here: the host checks them. */
export interface FleetApi {
  config(id: string): Promise<AgentSettings>;
  create(agent: Loose<CreateAgent>): Promise<AgentSettings>;
  edit(id: string, change: EditAgent): Promise<AgentSettings>;
  clone(id: string, copy: Loose<CloneAgent>): Promise<AgentSettings>;
  setStatus(id: string, act: 'archive' | 'restore'): Promise<AgentSettings>;
  remove(id: string): Promise<void>;
  revisions(id: string): Promise<AgentRevision[]>;
  undo(id: string, revision: number): Promise<AgentSettings>;
  files(id: string): Promise<PersonaFileView[]>;
  writeFile(id: string, name: string, text: string): Promise<PersonaFileView>;
  teams(): Promise<TeamView[]>;
  teamTemplates(): Promise<TeamTemplateView[]>;
  preview(wanted: Loose<PreviewTeam>): Promise<TeamProposal>;
  createTeam(proposal: TeamProposal): Promise<TeamView>;
  editTeam(id: string, change: EditTeam): Promise<TeamView>;
  teamFile(id: string): Promise<string>;
  join(id: string, agent: string): Promise<TeamView>;
  leave(id: string, agent: string): Promise<TeamView>;
  removeTeam(id: string, archive: boolean): Promise<void>;
}

type Loose<T extends { id: string }> = Omit<T, 'id'> & { id: string };

interface Calls {
  get<T>(path: string): Promise<T>;
  post<T>(path: string, body?: unknown): Promise<T>;
  del<T>(path: string): Promise<T>;
}

export function createFleetApi({ get, post, del }: Calls): FleetApi {
  const agent = (id: string, rest: string): string => `/api/agents/${encodeURIComponent(id)}${rest}`;
  const team = (id: string, rest = ''): string => `/api/teams/${encodeURIComponent(id)}${rest}`;
  return {
    config: (id) => get(agent(id, '/config')),
    create: (body) => post('/api/agents', body),
    edit: (id, change) => post(agent(id, '/config'), change),
    clone: (id, copy) => post(agent(id, '/clone'), copy),
    setStatus: (id, act) => post(agent(id, `/${act}`)),
    remove: async (id) => void (await del(agent(id, ''))),
    revisions: (id) => get(agent(id, '/revisions?limit=50')),
    undo: (id, revision) => post(agent(id, '/undo'), { revision }),
    files: (id) => get(agent(id, '/files')),
    writeFile: (id, name, text) => post(agent(id, `/files/${name}`), { text }),
    teams: () => get('/api/teams'),
    teamTemplates: () => get('/api/team-templates'),
    preview: (wanted) => post('/api/teams/preview', wanted),
    createTeam: (proposal) => post('/api/teams', proposal),
    editTeam: (id, change) => post(team(id), change),
    teamFile: async (id) => (await get<{ text: string }>(team(id, '/file'))).text,
    join: (id, name) => post(team(id, '/members'), { agent: name }),
    leave: (id, name) => del(team(id, `/members/${encodeURIComponent(name)}`)),
    removeTeam: async (id, archive) => void (await del(team(id, `?archive=${archive}`))),
  };
}
