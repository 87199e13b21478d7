import type { EgressDoor } from '../../protocol/egress.ts';

/** How programs find their databases: one address each, and the variables that psql and its like read for the first. */
export function forwardEnvironment({ forwards = [] }: EgressDoor): Readonly<Record<string, string>> {
  const [first] = forwards;
  const addresses = forwards.map(({ service, port, user, database }) => {
    const name = `DATABASE_URL_${service.toUpperCase().replaceAll('-', '_')}`;
    const [who, which] = [encodeURIComponent(user), encodeURIComponent(database)];
    return [name, `postgresql://${who}@127.0.0.1:${port}/${which}?sslmode=disable`] as const;
  });
  return {
    ...Object.fromEntries(addresses),
    ...(first === undefined
      ? {}
      : {
          PGHOST: '127.0.0.1',
          PGPORT: String(first.port),
          PGUSER: first.user,
          PGDATABASE: first.database,
          PGSSLMODE: 'disable',
        }),
  };
}
