import { describe, expect, it } from 'vitest';
import { covers, type Label, UNLABELLED } from '../../protocol/label.ts';

/** A room that keeps text: what its own tests hand to the suite below. Keys are the room's own names for a place. */
export interface LabelledStore extends AsyncDisposable {
  write(key: string, text: string, label: Label): Promise<void>;
  /** Adds to what is there, where the room can. */
  add?(key: string, text: string, label: Label): Promise<void>;
  read(key: string): Promise<{ readonly text: string; readonly label: Label }>;
  /** Takes the label of a stored text away, as a defect or an old version would have left it. */
  loseLabel(key: string): Promise<void>;
}

const PLAIN: Label = { integrity: 'agent', confidentiality: 'internal', origins: [] };
const WEB: Label = { integrity: 'untrusted', confidentiality: 'public', origins: ['web:evil.example'] };
const ADA: Label = { integrity: 'member', confidentiality: 'private', origins: [], principals: ['ada'] };

/** Text that outlives a call keeps its label. Every room that stores text runs this. */
export function labelStoreConformance(name: string, open: () => Promise<LabelledStore>): void {
  describe(`labels in ${name}`, () => {
    it.each([
      ['untrusted text', WEB],
      ['a person’s private text', ADA],
    ])('last as long as %s', async (_what, label) => {
      await using store = await open();
      await store.write('one', 'text', label);
      const read = await store.read('one');
      expect(read.text).toContain('text');
      expect(covers(read.label, label)).toBe(true);
    });

    it('belong to the text: another one has its own', async () => {
      await using store = await open();
      await store.write('bad', 'x', WEB);
      await store.write('good', 'y', PLAIN);
      expect((await store.read('good')).label.integrity).not.toBe('untrusted');
    });

    it('join when text is added to text', async ({ skip }) => {
      await using store = await open();
      if (store.add === undefined) return skip(`${name} does not add to a text`);
      await store.write('one', 'mine', ADA);
      await store.add('one', 'theirs', WEB);
      const { label } = await store.read('one');
      expect(covers(label, ADA) && covers(label, WEB)).toBe(true);
      return undefined;
    });

    it('count as the worst when they are lost', async () => {
      await using store = await open();
      await store.write('one', 'x', PLAIN);
      await store.loseLabel('one');
      expect(covers((await store.read('one')).label, UNLABELLED)).toBe(true);
    });
  });
}
