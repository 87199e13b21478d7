import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { PersonaFileView } from '../../../src/protocol/api.ts';
import { useApp } from '../app-context.tsx';
import { ErrorNote, SkeletonRows, toNamedError } from '../ui/basics.tsx';
import { SendForm, TextArea } from '../ui/form.tsx';

/** The files that make an agent's persona. */
export function AgentFiles({ agentId }: { agentId: string }) {
  const { api } = useApp();
  const files = useQuery({ queryKey: ['agents', agentId, 'files'], queryFn: () => api.fleet.files(agentId) });
  const [name, setName] = useState('INSTRUCTIONS.md');
  const file = files.data?.find((one) => one.name === name);
  if (files.isPending) return <SkeletonRows rows={6} />;
  if (files.error) return <ErrorNote error={toNamedError(files.error)} />;
  return (
    <div className="grid gap-5 md:grid-cols-[11rem_minmax(0,1fr)]">
      <ul className="flex gap-1 overflow-x-auto md:flex-col">
        {files.data.map((one) => (
          <li key={one.name}>
            <button
              type="button"
              aria-pressed={one.name === name}
              onClick={() => setName(one.name)}
              className="flex w-full items-center justify-between gap-2 rounded-md px-2 py-1.5 text-left font-mono text-xs text-muted hover:bg-hover aria-pressed:bg-raised aria-pressed:text-text"
            >
              {one.name}
              <span className="text-[11px] text-faint">{one.text.length === 0 ? '' : one.text.length}</span>
            </button>
          </li>
        ))}
      </ul>
      {file && <OneFile key={file.name + file.text.length} agentId={agentId} file={file} />}
    </div>
  );
}

function OneFile({ agentId, file }: { agentId: string; file: PersonaFileView }) {
  const { api } = useApp();
  const queries = useQueryClient();
  const [text, setText] = useState(file.text);
  const area = <TextArea label={file.name} rows={18} readOnly={!file.writable} value={text} onChange={setText} />;
  if (!file.writable) {
    return (
      <div className="flex flex-col gap-2">
        {area}
        <p className="text-xs text-muted">
          {file.name === 'TEAM.md' ? 'Its team’s; edit it there.' : 'Made from facts; nobody writes it.'}
        </p>
      </div>
    );
  }
  const send = async () => {
    await api.fleet.writeFile(agentId, file.name, text);
    await queries.invalidateQueries({ queryKey: ['agents', agentId, 'files'] });
  };
  const over = file.cap !== null && text.length > file.cap;
  return (
    <SendForm label="Save" onSend={send}>
      {area}
      <p className={`text-xs ${over ? 'text-warn' : 'text-muted'}`}>
        {text.length} characters{file.cap === null ? '' : `; its model reads ${file.cap}`}
      </p>
    </SendForm>
  );
}
