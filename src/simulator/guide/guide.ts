import type { ScenarioInput } from '../scenario.ts';
import { operatorRules } from './operator-rules.ts';
import { workerRules } from './worker-rules.ts';

/** The model id that a new installation uses until a provider is set up: `simulator/guide`. */
const GUIDE_MODEL = 'guide';

/** The guided tour: a scripted operator whose worker does a real job on a folder that the user names. */
export const guideScenario: ScenarioInput = {
  name: 'guide',
  description: 'The guided tour of a new installation. Scripted; contains no AI.',
  models: [GUIDE_MODEL],
  rules: [
    ...operatorRules,
    ...workerRules,
    {
      name: 'no tools',
      when: {},
      answer: { text: 'OK. This is the Holdfast simulator: scripted answers, no AI.' },
    },
  ],
};
