/** Rows as the access tables hold them; times are Unix milliseconds. */
export interface AccessTables {
  login_links: { hash: string; created_at: number; expires_at: number; used_at: number | null };
  logins: { hash: string; created_at: number; seen_at: number; expires_at: number };
  api_tokens: {
    id: string;
    hash: string;
    note: string;
    created_at: number;
    last_used_at: number | null;
    revoked_at: number | null;
  };
}
