import type { Store } from '../../../storage/store.ts';
import type { Core } from '../../core.ts';
import type { ApiFeature } from '../app.ts';
import { activityRoutes } from './activity.ts';
import { agentAdminRoutes } from './agent-admin.ts';
import { teamRoutes } from './teams.ts';
import { workerTemplateRoutes } from './worker-templates.ts';

/** The routes of agents, teams, worker templates and what they are doing. */
export function fleetFeatures(core: Core, store: Store): ApiFeature[] {
  return [
    (app) => agentAdminRoutes(app, core),
    (app) => workerTemplateRoutes(app, core.templates),
    (app) => activityRoutes(app, { ...core, store }),
    (app) => teamRoutes(app, core.teams),
  ];
}
