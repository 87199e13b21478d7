import type { DatabaseSync } from 'node:sqlite';
import { type Credentials, createCredentials } from './credentials/credentials.ts';
import { type Authority, createAuthority } from './egress/intercept/authority.ts';
import type { Freezes } from './freeze/freezes.ts';
import { secretParts } from './keys/aws-key.ts';
import type { Canaries } from './leak/canaries.ts';
import { createLeakGuard, type LeakGuard } from './leak/leak-guard.ts';
import { createIdentity, type Identity } from './owner/identity.ts';
import type { SecretGuard } from './secret-guard.ts';
import type { KeyRing } from './store/key-ring.ts';
import { createMeta } from './store/meta.ts';
import { createSecrets, type Secrets } from './store/secrets.ts';

/** All that is sealed under the master key: opened together, sealed anew together, and watched for on every way out. */
export interface SealedRoom {
  readonly secrets: Secrets;
  readonly identity: Identity;
  readonly credentials: Credentials;
  readonly authority: Authority;
  readonly leaks: LeakGuard;
  readonly guard: () => SecretGuard;
  /** Secrets made on the way, such as access tokens, are watched for from now on. */
  alsoWatch(source: { values(): readonly string[]; onChange(listener: () => void): void }): void;
  open(): void;
  reseal(from: Buffer, to: Buffer): void;
}

export interface SealedRoomDeps {
  readonly database: DatabaseSync;
  readonly ring: KeyRing;
  readonly freezes: Freezes;
  readonly canaries: Canaries;
  readonly now: () => number;
}

export function createSealedRoom({ database, ring, freezes, canaries, now }: SealedRoomDeps): SealedRoom {
  const secrets = createSecrets(database, ring);
  const identity = createIdentity(createMeta(database), ring);
  const authority = createAuthority({ database, ring, now });
  const credentials = createCredentials({ database, ring, now, frozen: freezes.of });
  const sources = [secrets, credentials];
  const others: { values(): readonly string[] }[] = [];
  const leaks = createLeakGuard(() => [
    ...[...sources, ...others].flatMap((source) => source.values()),
    ...secrets.values().flatMap(secretParts),
  ]);
  const renew = (): void => leaks.renew();
  for (const source of sources) source.onChange(renew);
  return {
    secrets,
    identity,
    credentials,
    authority,
    leaks,
    guard: () => leaks.stream(),
    alsoWatch(source) {
      others.push(source);
      source.onChange(renew);
    },
    open() {
      for (const part of [secrets, credentials, identity, canaries]) part.load();
    },
    reseal(from, to) {
      for (const part of [secrets, credentials, identity, canaries, authority]) part.reseal(from, to);
    },
  };
}
