import type { Core } from '../../core.ts';
import type { ApiFeature } from '../app.ts';
import { exceptionRoutes } from './exceptions.ts';
import { grantRoutes } from './grants.ts';

/** What people allow: answers by a word, standing grants, exceptions from the rules of labels. */
export function consentRoutes(core: Pick<Core, 'approvals' | 'grants' | 'labels'>): ApiFeature {
  return (app) => {
    grantRoutes(app, core);
    exceptionRoutes(app, core.labels.exceptions);
  };
}
