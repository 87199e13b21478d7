/** Rows as the access tables hold them; times are Unix milliseconds. */
export interface AccessTables {
  login_links: { hash: string; created_at: number; expires_at: number; used_at: number | null; person: string };
  /** `verified` 0: the person's second factor is still to be given. */
  logins: {
    hash: string;
    created_at: number;
    seen_at: number;
    expires_at: number;
    person: string;
    verified: number;
  };
  api_tokens: {
    id: string;
    hash: string;
    note: string;
    created_at: number;
    last_used_at: number | null;
    revoked_at: number | null;
    person: string;
    /** JSON lists; null: not narrowed. */
    actions: string | null;
    agents: string | null;
    expires_at: number | null;
  };
}
