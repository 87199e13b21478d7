import { type Label, OWNER_LABEL } from '../../protocol/label.ts';
import { OWNER_PERSON } from '../../protocol/people.ts';

/** What a person says is trusted as far as the person is. */
export const labelOfPerson = (person: string): Label =>
  person === OWNER_PERSON ? OWNER_LABEL : { ...OWNER_LABEL, integrity: 'member' };
