// Who is logged in.
import { ask, ended, Problem, type Session } from './api.ts';

class Login {
  /** undefined: not asked yet; null: nobody. */
  session = $state<Session | null | undefined>(undefined);
  /** The log-in ended while somebody worked. */
  ended = $state(false);

  get zone(): string {
    return this.session?.timezone ?? 'Asia/Shanghai';
  }

  may(permission: string): boolean {
    return this.session?.permissions.includes(permission) ?? false;
  }

  /** Ask the server whether the cookie still stands. A server that is away ends nobody's work. */
  async resume(): Promise<void> {
    try {
      this.session = await ask<Session>('GET', '/api/v1/session');
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.session ??= null;
    }
  }

  async in(user: string, password: string): Promise<void> {
    this.session = await ask<Session>('POST', '/api/v1/session', { user, password });
    this.ended = false;
  }

  async out(): Promise<void> {
    try {
      await ask('DELETE', '/api/v1/session');
    } finally {
      this.session = null;
    }
  }
}

export const login = new Login();
ended.tell = () => {
  login.ended = Boolean(login.session);
  login.session = null;
};
