import { type ZodType, z } from 'zod';
import * as agent from '../../protocol/agent.ts';
import * as api from '../../protocol/api.ts';
import { ApprovalCard } from '../../protocol/decision.ts';
import { JournalEvent } from '../../protocol/event.ts';
import { Explanation } from '../../protocol/explanation.ts';
import { JsonValue } from '../../protocol/json.ts';
import { TryPolicy, TryResult } from '../../protocol/policy-change.ts';
import { PolicyView } from '../../protocol/policy-view.ts';
import * as team from '../../protocol/team.ts';
import { BudgetView, VaultStatus } from '../../protocol/vault-api.ts';

/**
 * The names that schemas have in the OpenAPI document. zod itself turns them into JSON Schema, which is what OpenAPI 3.1
 * uses; everything else in the document refers to them.
 */
const REPLIES: Readonly<Record<string, ZodType>> = {
  JsonValue,
  JournalEvent,
  ApprovalCard,
  BudgetView,
  VaultStatus,
  Explanation,
  PolicyView,
  TryResult,
  AgentView: api.AgentView,
  AgentSettings: api.AgentSettings,
  TeamView: team.TeamView,
  TeamTemplateView: team.TeamTemplateView,
  AgentRevision: agent.AgentRevision,
  PersonaFileView: api.PersonaFileView,
  PersonaFileVersionView: api.PersonaFileVersionView,
  WorkerTemplateView: api.WorkerTemplateView,
  MessageView: api.MessageView,
  SessionView: api.SessionView,
  RunView: api.RunView,
  EventView: api.EventView,
  ApprovalView: api.ApprovalView,
  ArtifactView: api.ArtifactView,
  SandboxStatus: api.SandboxStatus,
  StatusView: api.StatusView,
  DoctorProbe: api.DoctorProbe,
  TokenView: api.TokenView,
  NewToken: api.NewToken,
  LoginLink: api.LoginLink,
  LoginView: api.LoginView,
  StreamMessage: api.StreamMessage,
  ErrorReply: api.ErrorReply,
};

const REQUESTS: Readonly<Record<string, ZodType>> = {
  SendMessage: api.SendMessage,
  CreateSession: api.CreateSession,
  CreateAgent: agent.CreateAgent,
  TeamProposal: team.TeamProposal,
  EditAgent: agent.EditAgent,
  CloneAgent: agent.CloneAgent,
  DecideApproval: api.DecideApproval,
  TokenRequest: api.TokenRequest,
  TryPolicy,
};

const NAMES = new Map(
  [...Object.entries(REPLIES), ...Object.entries(REQUESTS)].map(([name, schema]) => [schema, name]),
);
const PREFIX = '#/components/schemas/';

/** The schema as the document refers to it: by name where it or its elements have one. */
export function schemaRef(schema: ZodType): Record<string, unknown> {
  const name = NAMES.get(schema);
  if (name !== undefined) return { $ref: `${PREFIX}${name}` };
  const element = schema instanceof z.ZodArray ? schema.element : undefined;
  if (element instanceof z.ZodType && NAMES.has(element)) return { type: 'array', items: schemaRef(element) };
  return plain(z.toJSONSchema(schema));
}

export function namedSchemas(): Record<string, Record<string, unknown>> {
  return { ...convert(REPLIES, 'output'), ...convert(REQUESTS, 'input') };
}

function convert(
  schemas: Readonly<Record<string, ZodType>>,
  io: 'input' | 'output',
): Record<string, Record<string, unknown>> {
  const registry = z.registry<{ id: string }>();
  for (const [name, schema] of Object.entries(schemas)) registry.add(schema, { id: name });
  const converted = z.toJSONSchema(registry, { io, uri: (id) => `${PREFIX}${id}`, override: openReplies });
  return Object.fromEntries(Object.entries(converted.schemas).map(([name, schema]) => [name, plain(schema)]));
}

/** A later version may add fields to what is answered: only what is asked is closed. */
function openReplies({
  zodSchema,
  jsonSchema,
}: {
  zodSchema: z.core.$ZodTypes;
  jsonSchema: z.core.JSONSchema.BaseSchema;
}): void {
  if (zodSchema._zod.def.type === 'object' && zodSchema._zod.def.catchall === undefined)
    delete jsonSchema.additionalProperties;
}

function plain({ $schema: _schema, $id: _id, ...schema }: Record<string, unknown>): Record<string, unknown> {
  return schema;
}
