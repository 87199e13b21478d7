import type { DatabaseSync } from 'node:sqlite';
import { HoldfastError } from '../../protocol/error.ts';
import { AnyServiceSetting, type PostgresSetting, ServiceName, type ServiceSetting } from '../../protocol/service.ts';
import { parseWith } from '../http/parse.ts';
import { checkpoint } from '../store/database.ts';
import { isBoundTo, type Place } from './binding.ts';

/** The services that the owner set up. They hold no value: each names the credential that it places. */
export interface Services {
  list(): readonly NamedService[];
  get(name: string): NamedService | undefined;
  put(name: string, setting: AnyServiceSetting): void;
  delete(name: string): void;
  /** The HTTP services that are bound to this place, in the order of their names. */
  at(place: Place): readonly HttpService[];
  /** Called after every change. */
  onChange(listener: () => void): void;
}

export interface NamedService {
  readonly name: string;
  /** Of the credential. */
  readonly credential: string;
  readonly setting: AnyServiceSetting;
}

export interface HttpService extends NamedService {
  readonly setting: ServiceSetting;
}

export interface PostgresService extends NamedService {
  readonly setting: PostgresSetting;
}

const MOST_SERVICES = 500;

export function createServices(database: DatabaseSync): Services {
  const byName = new Map<string, NamedService>();
  const listeners: (() => void)[] = [];
  const keep = (name: string, setting: AnyServiceSetting): void =>
    void byName.set(name, { name, credential: setting.credential ?? name, setting });
  for (const row of database.prepare('SELECT name, setting FROM services ORDER BY name').all())
    keep(String(row.name), AnyServiceSetting.parse(JSON.parse(String(row.setting))));
  const changed = (): void => {
    checkpoint(database);
    for (const listener of listeners) listener();
  };
  const list = (): readonly NamedService[] => [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    list,
    get: (name) => byName.get(name),
    put: (nameText, setting) => {
      const name = parseWith(ServiceName, nameText);
      if (!byName.has(name) && byName.size >= MOST_SERVICES)
        throw new HoldfastError('too-large', `There are ${MOST_SERVICES} services already.`);
      database
        .prepare(
          'INSERT INTO services (name, setting) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET setting = excluded.setting',
        )
        .run(name, JSON.stringify(setting));
      keep(name, setting);
      changed();
    },
    delete: (name) => {
      if (!byName.delete(name)) throw noService(name);
      database.prepare('DELETE FROM services WHERE name = ?').run(name);
      changed();
    },
    at: (place) =>
      list().filter((service): service is HttpService => isHttp(service) && isBoundTo(service.setting, place)),
    onChange: (listener) => void listeners.push(listener),
  };
}

export function isHttp(service: NamedService): service is HttpService {
  return service.setting.kind === 'http';
}

export function isPostgres(service: NamedService): service is PostgresService {
  return service.setting.kind === 'postgres';
}

export function noService(name: string): HoldfastError {
  return new HoldfastError('not-found', `There is no service named ${name.slice(0, 64)}.`, {
    remedy: 'See `holdfast services list`; the owner adds one with `holdfast services add`.',
  });
}
