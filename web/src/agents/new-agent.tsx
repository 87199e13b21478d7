import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useApp } from '../app-context.tsx';
import { agentPath, navigate } from '../router.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { SendForm, TextArea, TextField } from '../ui/form.tsx';

/** A new agent with the narrow defaults; everything else is set on its own page. */
export function NewAgent({ onClose }: { onClose: () => void }) {
  const { api } = useApp();
  const queries = useQueryClient();
  const [id, setId] = useState('');
  const [role, setRole] = useState('');
  const [instructions, setInstructions] = useState('');
  const send = async () => {
    const files = instructions.trim() === '' ? {} : { files: { 'INSTRUCTIONS.md': instructions } };
    const made = await api.fleet.create({ id: id.trim(), role: role.trim(), ...files });
    await queries.invalidateQueries({ queryKey: ['agents'] });
    onClose();
    navigate(agentPath(made.id));
  };
  return (
    <Dialog title="New agent" onClose={onClose}>
      <SendForm label="Make it" onSend={send}>
        <TextField
          label="Name"
          required
          pattern="[a-z][a-z0-9_\-]*"
          maxLength={64}
          placeholder="scout"
          value={id}
          onChange={setId}
        />
        <TextField label="Role" maxLength={64} placeholder="watches prices" value={role} onChange={setRole} />
        <TextArea
          label="Instructions"
          rows={8}
          placeholder="What it is to do and how."
          value={instructions}
          onChange={setInstructions}
        />
        <p className="text-xs text-muted">
          It gets a sandbox of its own without network. What more it may do is set on its page; a name is given only
          once.
        </p>
      </SendForm>
    </Dialog>
  );
}
